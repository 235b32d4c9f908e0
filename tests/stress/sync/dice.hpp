// Draws from a seed.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include <ramie/sched/detail/futex.hpp>
#include <ramie/sched/this_fiber.hpp>

namespace stress {

/// Used by one fiber or thread at a time.
class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}

  /// 0 <= the result < bound.
  unsigned below(unsigned bound) { return static_cast<unsigned>(engine_() % bound); }
  bool one_in(unsigned chances) { return below(chances) == 0; }
  bool coin() { return one_in(2); }
  /// So short that what it bounds often ends at the same time.
  std::chrono::microseconds soon() { return std::chrono::microseconds(below(60)); }
  std::uint64_t seed() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

/// Nothing, or a little time, in which others may run or not. A cancellation point.
inline void briefly(dice& random) {
  switch (random.below(8)) {
    case 0:
      return ramie::this_fiber::sleep_for(random.soon());
    case 1:
    case 2:
      for (unsigned left = random.below(4); left != 0; --left) ramie::this_fiber::yield();
      return;
    case 3:
    case 4:
      for (unsigned left = random.below(200); left != 0; --left) ramie::detail::cpu_pause();
      return;
    default:
      return;
  }
}

}  // namespace stress
