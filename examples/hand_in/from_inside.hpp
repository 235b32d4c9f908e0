// Work that running work hands in: what a spawn costs, in batches. What is spawned, a fiber or a
// thread, comes as a parameter.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "program.hpp"

namespace from_inside {

inline constexpr std::uint64_t batch = 1'000;  // units alive at a time

/// How many units to spawn.
inline std::uint64_t parse(int argc, char** argv, std::uint64_t spawns) {
  program::parse(argc, argv, "spawns from inside of what runs",
                 {{"spawns", &spawns, 1, 100'000'000, "units to spawn"}});
  return spawns;
}

/// start(f) starts a unit that calls f, and returns its owner, which has join() and
/// waits for it when it is destroyed.
template <class Start>
void measure(std::uint64_t spawns, Start start) {
  std::uint64_t done = 0, wrong = 0;
  double calling_ns = 0;
  std::vector<std::uint64_t> results(batch);
  std::vector<decltype(start([] {}))> units(batch);
  program::stopwatch const watch;
  while (done < spawns) {
    std::uint64_t const count = std::min(batch, spawns - done);
    program::stopwatch const calling;
    for (std::uint64_t i = 0; i < count; ++i) {
      units[i] = start([&result = results[i], number = done + i + 1] { result = number; });
    }
    calling_ns += calling.ns();
    for (std::uint64_t i = 0; i < count; ++i) {
      units[i].join();
      wrong += results[i] == done + i + 1 ? 0U : 1U;
    }
    done += count;
  }
  double const all_ns = watch.ns();
  program::check(wrong == 0, "every unit leaves its own number");
  program::report("spawn", calling_ns / static_cast<double>(spawns), "ns");
  program::report("spawn_join", all_ns / static_cast<double>(spawns), "ns");
}

}  // namespace from_inside
