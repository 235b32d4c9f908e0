#include <ramie/sync/detail/notification.hpp>

namespace ramie::detail {

template class basic_notification<std_wait_policy>;

wake wait_unless_stopped(early_wait& begun, steady_time deadline, std::stop_token const& stop) {
  return begun.wait(deadline, [&stop](auto on_stop) { return std::stop_callback(stop, on_stop); });
}

}  // namespace ramie::detail
