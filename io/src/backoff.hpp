// Waiting for what the kernel tells nobody of.
#pragma once

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include <ramie/sched/this_fiber.hpp>
#include <ramie/sched/timed_out.hpp>

namespace ramie::detail {

/// Sleeps. The error is a deadline's. A cancellation point.
inline std::error_code pause_for(std::chrono::milliseconds time) {
  try {
    this_fiber::sleep_for(time);
    return {};
  } catch (timed_out const& expired) {
    return expired.code();
  }
}

class backoff {
 public:
  static constexpr std::chrono::milliseconds longest{50};

  /// pause_for 1 ms, the next time twice as long, up to `longest`.
  std::error_code pause() { return pause_for(std::exchange(next_, std::min(2 * next_, longest))); }

 private:
  std::chrono::milliseconds next_{1};
};

}  // namespace ramie::detail
