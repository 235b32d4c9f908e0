// The worker counts that a suite runs with.
#pragma once

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace ramie::test {

/// RAMIE_TEST_WORKERS if it is set, else a few that differ in kind: one worker, as many as a small
/// machine has cores, more than that.
inline std::vector<unsigned> worker_counts() {
  if (char const* const set = std::getenv("RAMIE_TEST_WORKERS")) {
    return {static_cast<unsigned>(std::stoul(set))};
  }
  return {1, 2, 4};
}

/// A seed to print with a stress test's failure: RAMIE_TEST_SEED, or one of the process.
inline unsigned test_seed() {
  if (char const* const set = std::getenv("RAMIE_TEST_SEED")) {
    return static_cast<unsigned>(std::stoul(set));
  }
  static unsigned const drawn = static_cast<unsigned>(std::random_device{}());
  return drawn;
}

}  // namespace ramie::test
