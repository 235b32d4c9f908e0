// A mutex that need not be waited for forever. The protocol: sync/DESIGN.md#mutex.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>
#include <ramie/sync/detail/watched_mutex.hpp>
#include <ramie/sync/locks.hpp>

namespace ramie {

/// As std::timed_mutex; otherwise as ramie::mutex. The timed forms are cancellation points unless
/// the mutex is free; `lock` is none.
class timed_mutex : public detail::watched_mutex<detail::timed_mutex_kind> {
 public:
  /// False: the time ran out first.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> const& timeout) {
    return try_lock() || lock_by(detail::deadline_after(timeout));
  }
  template <class Clock, class Duration>
  bool try_lock_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return try_lock() ||
           detail::wait_by_clock(deadline, [this](auto until) { return lock_by(until); });
  }
};

}  // namespace ramie
