// A condition variable for fibers and threads. The protocol: sync/DESIGN.md#condition-variable.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sync/detail/notification.hpp>
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
  ~condition_variable() = default;  // Waits for those that are on their way out.

  void notify_one() noexcept { waiting_.notify_one(); }
  void notify_all() noexcept { waiting_.notify_all(); }

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

  detail::notification waiting_;
};

/// As std::notify_all_at_thread_exit: takes the lock over, and when the calling fiber has ended and
/// its fiber_locals are destroyed (a plain OS thread: its thread_locals too), notifies all and
/// unlocks. In this order, so that a waiter may destroy both as soon as it has seen, under the
/// lock, what it waits for. Throws std::system_error: operation_not_permitted if the lock is not
/// held, or if pthread keys have run out on a plain thread; and std::bad_alloc. The lock is
/// released then.
void notify_all_at_thread_exit(condition_variable& at, std::unique_lock<mutex> lock);

}  // namespace ramie
