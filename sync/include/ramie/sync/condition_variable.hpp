// A condition variable for fibers and threads. The protocol: sync/DESIGN.md#condition-variable.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>
#include <ramie/sync/mutex.hpp>

namespace ramie {

using std::cv_status;

/// As std::condition_variable, with ramie::mutex. All members may be called by any fiber or thread.
/// It may be destroyed once all waiters have been notified, whether or not they have returned.
///
/// Every wait is a cancellation point: it throws `cancelled` with the lock held again (taking it is
/// not interrupted), and a notification that has already reached it is not lost: it returns then.
/// Throws std::system_error (operation_not_permitted) if the lock is not held.
class condition_variable {
 public:
  condition_variable() noexcept = default;
  condition_variable(condition_variable const&) = delete;
  condition_variable& operator=(condition_variable const&) = delete;
  ~condition_variable();

  void notify_one() noexcept;
  void notify_all() noexcept;

  void wait(std::unique_lock<mutex>& lock) { wait_steady(lock, detail::steady_time::max()); }

  template <class Predicate>
  void wait(std::unique_lock<mutex>& lock, Predicate done) {
    while (!done()) wait(lock);
  }

  template <class Rep, class Period>
  cv_status wait_for(std::unique_lock<mutex>& lock,
                     std::chrono::duration<Rep, Period> const& timeout) {
    return wait_steady(lock, detail::deadline_after(timeout));
  }

  template <class Rep, class Period, class Predicate>
  bool wait_for(std::unique_lock<mutex>& lock, std::chrono::duration<Rep, Period> const& timeout,
                Predicate done) {
    return wait_until(lock, detail::deadline_after(timeout), std::move(done));
  }

  /// Any clock: one that does not run like steady_clock is looked at when the wait has ended.
  template <class Clock, class Duration>
  cv_status wait_until(std::unique_lock<mutex>& lock,
                       std::chrono::time_point<Clock, Duration> const& deadline) {
    if (wait_steady(lock, detail::deadline_at(deadline)) == cv_status::no_timeout) {
      return cv_status::no_timeout;
    }
    return detail::has_come(deadline) ? cv_status::timeout : cv_status::no_timeout;
  }

  template <class Clock, class Duration, class Predicate>
  bool wait_until(std::unique_lock<mutex>& lock,
                  std::chrono::time_point<Clock, Duration> const& deadline, Predicate done) {
    while (!done()) {
      if (wait_until(lock, deadline) == cv_status::timeout) return done();
    }
    return true;
  }

 private:
  cv_status wait_steady(std::unique_lock<mutex>& lock, detail::steady_time deadline);
  void leave(detail::wait_node& node) noexcept;

  detail::tiny_lock lock_;
  detail::wait_queue queue_;  // guarded by lock_
  detail::wait_node* destroyer_ =
      nullptr;  // guarded by lock_: the destructor waits for waiting_ == 0
  // How many waiters no notification has reached, and which have not left by themselves. Written
  // under lock_. Read without it by notify, relaxed: a waiter that a notification must reach has
  // raised it before it released the user's mutex, so that happened before the notification.
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace ramie
