// The worker counts that a suite runs with.
#pragma once

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace ramie::test {

/// A few that differ in kind: one worker, as many as a small machine has cores, more than that.
/// Where RAMIE_TEST_WORKERS is set, that number as many times: CTest knows the tests by their place
/// here.
inline std::vector<unsigned> worker_counts() {
  std::vector<unsigned> counts{1, 2, 4};
  if (char const* const set = std::getenv("RAMIE_TEST_WORKERS")) {
    counts.assign(counts.size(), static_cast<unsigned>(std::stoul(set)));
  }
  return counts;
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
