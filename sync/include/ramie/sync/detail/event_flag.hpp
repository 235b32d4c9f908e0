// What event and auto_reset_event share.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

/// A flag that can be waited for; who sets it, and whether a wait takes it, is for its heirs.
class event_flag {
 public:
  event_flag(event_flag const&) = delete;
  event_flag& operator=(event_flag const&) = delete;

  void reset() noexcept;

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
  /// `taken`: whether a wait that finds the flag set resets it. `what`: for dumps.
  event_flag(bool taken, const char* what) noexcept : taken_(taken), what_(what) {}
  ~event_flag() = default;

  tiny_lock lock_;
  wait_queue queue_;  // guarded by lock_
  bool set_ = false;  // guarded by lock_, so that a setter is done with *this once it is seen

 private:
  friend class event_waiter;

  bool take() noexcept;
  bool wait_steady(steady_time deadline);

  bool const taken_;
  const char* const what_;
};

}  // namespace ramie::detail
