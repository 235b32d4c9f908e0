// Durations and time points of every kind, for the waits that take them.
#pragma once

#include <chrono>
#include <limits>

namespace ramie::test {

template <class Clock, class Rep, class Period = std::ratio<1>>
using time_point_of = std::chrono::time_point<Clock, std::chrono::duration<Rep, Period>>;

/// Calls f with times that have come: negative, before a clock's beginning, or no number at all.
template <class F>
void for_times_that_have_come(F f) {
  using namespace std::chrono;
  constexpr double infinite = std::numeric_limits<double>::infinity();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  f(0s);
  f(-1h);
  f(hours::min());
  f(nanoseconds::min());
  f(duration<double>(-infinite));
  f(duration<double>(nan));
  f(steady_clock::now());
  f(steady_clock::time_point{});
  f(steady_clock::time_point::min());
  f(time_point_of<steady_clock, double>::min());
  f(time_point_of<steady_clock, double>(duration<double>(nan)));
  f(time_point_of<steady_clock, long>::min());
  f(system_clock::now());
  f(system_clock::time_point::min());
  f(time_point_of<system_clock, double>(duration<double>(nan)));
  f(time_point_of<system_clock, long>::min());
}

/// Calls f with times that never come.
template <class F>
void for_times_that_never_come(F f) {
  using namespace std::chrono;
  constexpr double infinite = std::numeric_limits<double>::infinity();
  f(hours::max());
  f(nanoseconds::max());
  f(duration<double>(1e300));
  f(duration<double>(infinite));
  f(steady_clock::time_point::max());
  f(time_point_of<steady_clock, double>(duration<double>(infinite)));
  f(time_point_of<steady_clock, long>::max());
  f(system_clock::time_point::max());
  f(time_point_of<system_clock, double>(duration<double>(infinite)));
  f(time_point_of<system_clock, long>::max());
}

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

}  // namespace ramie::test
