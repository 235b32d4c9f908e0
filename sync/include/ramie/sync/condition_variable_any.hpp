// A condition variable that works with any lock. The protocol: sync/DESIGN.md#condition-variable.
#pragma once

#include <chrono>
#include <stop_token>
#include <utility>

#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/detail/time.hpp>
#include <ramie/sync/condition_variable.hpp>
#include <ramie/sync/detail/notification.hpp>

namespace ramie {

/// As std::condition_variable_any: with any lock that has `lock` and `unlock`, which may wait
/// themselves. All members may be called by any fiber or thread. It may be destroyed once all
/// waiters have been notified, whether or not they have returned.
///
/// Every wait is a cancellation point: it throws `cancelled` with the lock held again; taking it is
/// not interrupted. An exception that leaves that `lock` ends the program.
class condition_variable_any {
 public:
  constexpr condition_variable_any() noexcept = default;
  condition_variable_any(condition_variable_any const&) = delete;
  condition_variable_any& operator=(condition_variable_any const&) = delete;
  ~condition_variable_any() = default;  // Waits for those that are on their way out.

  void notify_one() noexcept { waiting_.notify_one(); }
  void notify_all() noexcept { waiting_.notify_all(); }

  template <class Lock>
  void wait(Lock& lock) {
    wait_steady(lock, detail::steady_time::max(), {});
  }

  template <class Lock, class Predicate>
  void wait(Lock& lock, Predicate done) {
    while (!done()) wait(lock);
  }

  template <class Lock, class Rep, class Period>
  cv_status wait_for(Lock& lock, std::chrono::duration<Rep, Period> const& timeout) {
    return wait_steady(lock, detail::deadline_after(timeout), {});
  }

  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, std::chrono::duration<Rep, Period> const& timeout, Predicate done) {
    return wait_until(lock, detail::deadline_after(timeout), std::move(done));
  }

  /// Any clock: one that does not run like steady_clock is looked at when the wait has ended.
  template <class Lock, class Clock, class Duration>
  cv_status wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> const& deadline) {
    return wait_by(lock, deadline, {});
  }

  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> const& deadline,
                  Predicate done) {
    while (!done()) {
      if (wait_until(lock, deadline) == cv_status::timeout) return done();
    }
    return true;
  }

  /// These end when a stop is requested, too, and return what `done` returns last.
  template <class Lock, class Predicate>
  bool wait(Lock& lock, std::stop_token stop, Predicate done) {
    while (!stop.stop_requested()) {
      if (done()) return true;
      wait_steady(lock, detail::steady_time::max(), stop);
    }
    return done();
  }

  template <class Lock, class Clock, class Duration, class Predicate>
  bool wait_until(Lock& lock, std::stop_token stop,
                  std::chrono::time_point<Clock, Duration> const& deadline, Predicate done) {
    while (!stop.stop_requested()) {
      if (done()) return true;
      if (wait_by(lock, deadline, stop) == cv_status::timeout) return done();
    }
    return done();
  }

  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, std::stop_token stop, std::chrono::duration<Rep, Period> const& timeout,
                Predicate done) {
    return wait_until(lock, std::move(stop), detail::deadline_after(timeout), std::move(done));
  }

 private:
  template <class Lock>
  class relock {
   public:
    explicit relock(Lock& lock) : lock_(lock) { lock_.unlock(); }
    relock(relock const&) = delete;
    relock& operator=(relock const&) = delete;
    ~relock() {
      cancellation_shield const uninterrupted;
      lock_.lock();
    }

   private:
    Lock& lock_;
  };

  template <class Lock, class Clock, class Duration>
  cv_status wait_by(Lock& lock, std::chrono::time_point<Clock, Duration> const& deadline,
                    std::stop_token const& stop) {
    cv_status const status = wait_steady(lock, detail::deadline_at(deadline), stop);
    return status == cv_status::timeout && !detail::has_come(deadline) ? cv_status::no_timeout
                                                                       : status;
  }

  template <class Lock>
  cv_status wait_steady(Lock& lock, detail::steady_time deadline, std::stop_token const& stop) {
    detail::early_wait self(waiting_);
    relock<Lock> const unlocked(lock);
    switch (detail::wait_unless_stopped(self, deadline, stop)) {
      case wake::unparked:
        break;
      case wake::timed_out:
        return cv_status::timeout;
      case wake::cancelled:
        throw_interruption();
    }
    return cv_status::no_timeout;
  }

  detail::notification waiting_;
};

}  // namespace ramie
