// Waiting until a time of any clock.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>

namespace ramie::detail {

/// Calls wait(steady_time), which tells whether it got what it waited for, until it did or
/// `deadline` has come by its own clock: one that was set back, or that runs slowly, is waited for
/// again.
template <class Clock, class Duration, class Wait>
bool wait_by_clock(std::chrono::time_point<Clock, Duration> const& deadline, Wait wait) {
  while (!wait(deadline_at(deadline))) {
    if (has_come(deadline)) return false;
  }
  return true;
}

}  // namespace ramie::detail
