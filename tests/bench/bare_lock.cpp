// The limits of what is done under a lock, by one thread that nobody disturbs.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "bench.hpp"

namespace {

/// An exchange to lock, a store to unlock: the least that excludes anybody.
class spin_lock {
 public:
  void lock() {
    while (held_.exchange(true, std::memory_order_acquire)) {
    }
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

/// Each value into a ring and out of it.
bench::result mpmc(bench::options const& chosen) {
  spin_lock lock;
  std::array<std::uint64_t, bench::mpmc_capacity> ring{};
  std::size_t in = 0;
  std::size_t out = 0;
  std::uint64_t sum = 0;
  auto const at_once = std::min<std::uint64_t>(chosen.n, ring.size());
  bench::stopwatch const watch;
  for (std::uint64_t sent = 0; sent < chosen.n; sent += at_once) {
    for (std::uint64_t i = 0; i < at_once; ++i) {
      std::lock_guard const held(lock);
      ring[in++ % ring.size()] = sent + i;
    }
    for (std::uint64_t i = 0; i < at_once; ++i) {
      std::lock_guard const held(lock);
      sum += ring[out++ % ring.size()];
    }
  }
  auto const found = bench::per_item(watch, in);
  bench::check(sum == in * (in - 1) / 2, "every value arrives once");
  return found;
}

/// Two atomics: an unlock that finds out whether somebody waits has to read and write at once.
bench::result mutex(bench::options const& chosen) {
  std::atomic<bool> held{false};
  std::uint64_t sum = 0;
  bench::stopwatch const watch;
  for (std::uint64_t i = 0; i < chosen.n; ++i) {
    while (held.exchange(true, std::memory_order_acquire)) {
    }
    ++sum;
    held.exchange(false, std::memory_order_release);
  }
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(sum == chosen.n && !held, "no increment is lost");
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main("bare_lock", {{"mpmc", mpmc}, {"mutex", mutex}}, argc, argv);
}
