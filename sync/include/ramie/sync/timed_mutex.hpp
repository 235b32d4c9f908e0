// A mutex that need not be waited for forever. The protocol: sync/DESIGN.md#mutex.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/mutex_core.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>
#include <ramie/sync/locks.hpp>

namespace ramie {

/// As std::timed_mutex; otherwise as ramie::mutex. The timed forms are cancellation points unless
/// the mutex is free; `lock` is none.
class timed_mutex {
 public:
  constexpr timed_mutex() noexcept = default;
  timed_mutex(timed_mutex const&) = delete;
  timed_mutex& operator=(timed_mutex const&) = delete;
  ~timed_mutex() = default;

  void lock() { core_.lock({"timed_mutex", this}, detail::steady_time::max(), interruptible::no); }
  bool try_lock() noexcept { return core_.try_lock(); }
  void unlock() noexcept { core_.unlock(); }

  /// False: the time ran out first.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> const& timeout) {
    return core_.try_lock() || lock_by(detail::deadline_after(timeout));
  }
  template <class Clock, class Duration>
  bool try_lock_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return core_.try_lock() ||
           detail::wait_by_clock(deadline, [this](auto until) { return lock_by(until); });
  }

 private:
  bool lock_by(detail::steady_time deadline) {
    wake const outcome = core_.lock({"timed_mutex", this}, deadline, interruptible::yes);
    if (outcome == wake::cancelled) throw_interruption();
    return outcome == wake::unparked;
  }

  detail::mutex_core core_;
};

}  // namespace ramie
