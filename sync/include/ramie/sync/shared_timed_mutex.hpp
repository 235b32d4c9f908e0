// A lock for one writer or many readers that need not be waited for forever.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>
#include <ramie/sync/detail/watched_shared_mutex.hpp>
#include <ramie/sync/locks.hpp>

namespace ramie {

/// As std::shared_timed_mutex; otherwise as ramie::shared_mutex. The timed forms are cancellation
/// points unless they need not wait. Readers that wait for a writer that gives up go on.
class shared_timed_mutex : public detail::watched_shared_mutex {
 public:
  constexpr shared_timed_mutex() noexcept : watched_shared_mutex("shared_timed_mutex") {}

  /// False: the time ran out first.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> const& timeout) {
    return lock_by(detail::deadline_after(timeout));
  }
  template <class Clock, class Duration>
  bool try_lock_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return detail::wait_by_clock(deadline, [this](auto until) { return lock_by(until); });
  }
  template <class Rep, class Period>
  bool try_lock_shared_for(std::chrono::duration<Rep, Period> const& timeout) {
    return lock_shared_by(detail::deadline_after(timeout));
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return detail::wait_by_clock(deadline, [this](auto until) { return lock_shared_by(until); });
  }
};

}  // namespace ramie
