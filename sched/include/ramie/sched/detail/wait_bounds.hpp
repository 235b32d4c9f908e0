// What the scopes around a wait allow it.
#pragma once

#include <cstdint>

#include <ramie/sched/detail/time.hpp>

namespace ramie::detail {

/// Of a fiber, or of a plain OS thread. Only its owner uses it.
struct wait_bounds {
  steady_time deadline = steady_time::max();  // the earliest of the scopes'; max(): none
  std::uint32_t shields = 0;                  // how many cancellation shields there are
};

/// Those of the calling fiber, or of the calling thread outside any fiber. They stay where they are
/// as long as the fiber, or the thread, lives.
wait_bounds& current_bounds() noexcept;

}  // namespace ramie::detail
