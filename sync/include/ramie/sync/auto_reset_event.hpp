// A flag that one waiter takes.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie {

/// A flag that lets one waiter pass and is reset by that. All members may be called by any fiber or
/// thread. It may be destroyed as soon as a wait has returned and no other is left. Waiting is a
/// cancellation point; it does not throw `cancelled` if the event is set.
class auto_reset_event {
 public:
  auto_reset_event() noexcept = default;
  auto_reset_event(auto_reset_event const&) = delete;
  auto_reset_event& operator=(auto_reset_event const&) = delete;
  ~auto_reset_event() = default;

  /// Lets the first waiter pass, or sets the flag if nobody waits.
  void set() noexcept;
  void reset() noexcept;

  void wait() { wait_steady(detail::steady_time::max()); }

  /// False: the time ran out first.
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> const& timeout) {
    return wait_steady(detail::deadline_after(timeout));
  }
  template <class Clock, class Duration>
  bool wait_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return detail::wait_by_clock(deadline, [this](auto until) { return wait_steady(until); });
  }

 private:
  bool wait_steady(detail::steady_time deadline);

  detail::tiny_lock lock_;
  detail::wait_queue queue_;  // guarded by lock_
  bool set_ = false;          // guarded by lock_, so that set() is done with *this once it is seen
};

}  // namespace ramie
