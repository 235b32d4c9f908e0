#include <ramie/sync/condition_variable.hpp>

#include <system_error>

namespace ramie {

cv_status condition_variable::wait_steady(std::unique_lock<mutex>& lock,
                                          detail::steady_time deadline) {
  if (!lock.owns_lock()) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "condition_variable::wait without the lock");
  }
  wake const outcome = waiting_.wait(lock, {"condition_variable", this}, deadline);
  if (outcome == wake::cancelled) throw_interruption();
  return outcome == wake::timed_out ? cv_status::timeout : cv_status::no_timeout;
}

}  // namespace ramie
