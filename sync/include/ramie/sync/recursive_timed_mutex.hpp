// A mutex that its owner can lock again, and that need not be waited for forever.
#pragma once

#include <chrono>

#include <ramie/sync/detail/recursive.hpp>
#include <ramie/sync/timed_mutex.hpp>

namespace ramie {

/// As std::recursive_timed_mutex: recursive_mutex with the timed forms of timed_mutex.
class recursive_timed_mutex : public detail::recursive<timed_mutex> {
 public:
  /// False: the time ran out first, or it is locked as often as can be counted.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> const& timeout) {
    return lock_by([&](timed_mutex& inner) { return inner.try_lock_for(timeout); });
  }
  template <class Clock, class Duration>
  bool try_lock_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return lock_by([&](timed_mutex& inner) { return inner.try_lock_until(deadline); });
  }
};

}  // namespace ramie
