// Waiting at regular intervals.
#pragma once

#include <chrono>
#include <cstdint>

#include <ramie/sched/detail/time.hpp>

namespace ramie {

/// Ticks at start + period, start + 2 * period and so on: the intervals do not drift with the time
/// that is spent between the waits. Ticks that nobody waited for in time are told at once by the
/// next wait, as timerfd does. For one fiber or plain thread at a time.
class periodic_timer {
 public:
  /// Starts now. Throws std::invalid_argument unless the period is positive.
  template <class Rep, class Period>
  explicit periodic_timer(std::chrono::duration<Rep, Period> const& period)
      : periodic_timer(detail::clock_now(), detail::add_saturated({}, period)) {}

  /// Waits for the next tick, unless one has come since the last wait. Returns how many have, at
  /// least 1. A cancellation point.
  std::uint64_t wait();

 private:
  periodic_timer(detail::steady_time start, detail::steady_time period);

  std::chrono::steady_clock::duration period_;
  detail::steady_time next_;
};

}  // namespace ramie
