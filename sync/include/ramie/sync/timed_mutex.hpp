// A mutex that need not be waited for forever. The protocol: sync/DESIGN.md#mutex.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>
#include <ramie/sync/mutex.hpp>

namespace ramie {

/// As std::timed_mutex; otherwise as ramie::mutex. The timed forms are cancellation points unless
/// the mutex is free; `lock` is none.
class timed_mutex {
 public:
  constexpr timed_mutex() noexcept = default;
  timed_mutex(timed_mutex const&) = delete;
  timed_mutex& operator=(timed_mutex const&) = delete;
  ~timed_mutex() = default;

  void lock() { inner_.lock(); }
  bool try_lock() noexcept { return inner_.try_lock(); }
  void unlock() noexcept { inner_.unlock(); }

  /// False: the time ran out first.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> const& timeout) {
    return inner_.try_lock() || lock_by(detail::deadline_after(timeout));
  }
  template <class Clock, class Duration>
  bool try_lock_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return inner_.try_lock() ||
           detail::wait_by_clock(deadline, [this](auto until) { return lock_by(until); });
  }

 private:
  bool lock_by(detail::steady_time deadline) {
    return inner_.lock_contended({"timed_mutex", this}, deadline, interruptible::yes);
  }

  mutex inner_;
};

}  // namespace ramie
