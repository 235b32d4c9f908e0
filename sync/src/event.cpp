#include <ramie/sync/detail/event_core.hpp>

namespace ramie::detail {

template class basic_event_core<std_wait_policy>;

}  // namespace ramie::detail
