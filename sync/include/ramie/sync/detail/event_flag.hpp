// What event and auto_reset_event share.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/event_core.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>

namespace ramie::detail {

/// A flag that can be waited for; who sets it is for its heirs.
class event_flag {
 public:
  event_flag(event_flag const&) = delete;
  event_flag& operator=(event_flag const&) = delete;

  void reset() noexcept { core_.reset(); }

  /// A cancellation point, unless the flag is set.
  void wait() { wait_steady(steady_time::max()); }

  /// False: the time ran out first. Cancellation points, as wait.
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> const& timeout) {
    return wait_steady(deadline_after(timeout));
  }
  template <class Clock, class Duration>
  bool wait_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return wait_by_clock(deadline, [this](auto until) { return wait_steady(until); });
  }

 protected:
  event_flag(bool taken, const char* what) noexcept : core_(taken, what) {}
  ~event_flag() = default;

  event_core core_;

 private:
  friend class event_waiter;

  bool wait_steady(steady_time deadline) {
    wake const outcome = core_.wait(deadline);
    if (outcome == wake::cancelled) throw_interruption();
    return outcome == wake::unparked;
  }
};

}  // namespace ramie::detail
