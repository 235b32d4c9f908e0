#include <mutex>
#include <system_error>

#include <ramie/sched/detail/at_exit.hpp>
#include <ramie/sync/condition_variable.hpp>

namespace ramie {

void notify_all_at_thread_exit(condition_variable& at, std::unique_lock<mutex> lock) {
  if (!lock.owns_lock()) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "notify_all_at_thread_exit without the lock");
  }
  constexpr auto at_end = [](void* notified, void* held) noexcept {
    static_cast<condition_variable*>(notified)->notify_all();
    static_cast<mutex*>(held)->unlock();
  };
  detail::at_exit({at_end, &at, lock.mutex()});
  lock.release();
}

}  // namespace ramie
