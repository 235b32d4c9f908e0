// Deadlines from durations and time points of any kind, without overflow.
#pragma once

#include <chrono>
#include <limits>
#include <type_traits>

namespace ramie::detail {

using steady_time = std::chrono::steady_clock::time_point;

/// steady_clock::now(), as the clock of the calling fiber's runtime tells it.
steady_time clock_now() noexcept;

/// The present time by Clock; for steady_clock that is clock_now().
template <class Clock>
typename Clock::time_point now_by() {
  if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
    return clock_now();
  } else {
    return Clock::now();
  }
}

/// Whether `deadline` has come at `now`; one that is no number always has. In floating point: a
/// time point may lie beyond what the other's type holds.
template <class Clock, class A, class B>
bool has_come(std::chrono::time_point<Clock, A> const& deadline,
              std::chrono::time_point<Clock, B> const& now) {
  using wide = std::chrono::duration<long double, std::nano>;
  return !(wide(deadline.time_since_epoch()) > wide(now.time_since_epoch()));
}

/// The same, by its own clock.
template <class Clock, class Duration>
bool has_come(std::chrono::time_point<Clock, Duration> const& deadline) {
  return has_come(deadline, now_by<Clock>());
}

/// `from` + `duration`: `from` itself for negative durations and NaN, time_point::max() (which
/// every wait takes as "never") where the sum lies beyond the end of time.
template <class Rep, class Period>
steady_time add_saturated(steady_time from, std::chrono::duration<Rep, Period> const& duration) {
  using std::chrono::ceil;
  using nanoseconds = std::chrono::steady_clock::duration;
  // The comparison is made in floating point, where nothing overflows; it may be off by the
  // rounding of a double, which is far less than the margin.
  using wide = std::chrono::duration<long double, nanoseconds::period>;
  constexpr auto zero = std::chrono::duration<Rep, Period>::zero();
  if (!(duration > zero)) return from;
  constexpr auto margin = std::chrono::hours(24);
  if (wide(duration) >= wide(steady_time::max() - from - margin)) return steady_time::max();
  return from + ceil<nanoseconds>(duration);
}

template <class Rep, class Period>
steady_time deadline_after(std::chrono::duration<Rep, Period> const& timeout) {
  return add_saturated(clock_now(), timeout);
}

/// When `deadline` will have come if the clocks run alike; the waiting code looks at the clock
/// itself again then.
template <class Clock, class Duration>
steady_time deadline_at(std::chrono::time_point<Clock, Duration> const& deadline) {
  if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
    if (deadline.time_since_epoch().count() <= 0) return steady_time{};
    return add_saturated(steady_time{}, deadline.time_since_epoch());
  } else {
    auto const now = Clock::now();
    if (has_come(deadline, now)) return clock_now();
    // In floating point again: nor may the difference of two time points fit.
    using wide = std::chrono::duration<long double, std::nano>;
    return add_saturated(clock_now(),
                         wide(deadline.time_since_epoch()) - wide(now.time_since_epoch()));
  }
}

}  // namespace ramie::detail
