// What the benchmark programs share: one command line, one checked result, one line of output.
//   bench_PEER WORKLOAD --workers W --n N    prints    WORKLOAD PEER W VALUE UNIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

struct options {
  unsigned workers = 1;
  std::uint64_t n = 0;
};

struct result {
  double value;
  const char* unit;
};

using workload = result (*)(options const&);

/// Throws, and so fails the program, unless the workload came to the right result.
inline void check(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("wrong result: ") + what);
}

class stopwatch {
 public:
  double ns() const {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

inline result per_item(stopwatch const& watch, std::uint64_t items) {
  return {watch.ns() / static_cast<double>(items), "ns"};
}

inline result in_all(stopwatch const& watch) {
  return {watch.ns() / 1e6, "ms"};
}

/// The process's CPU time, in microseconds.
inline double cpu_us() {
  return static_cast<double>(std::clock()) * 1e6 / CLOCKS_PER_SEC;
}

/// A line of /proc/self/status, in bytes.
inline double memory(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field))
      return 1024 * std::strtod(line.c_str() + field.size() + 1, nullptr);
  }
  throw std::runtime_error("no such field in /proc/self/status");
}

/// Resident memory and page tables of the process now.
inline double resident() {
  return memory("VmRSS") + memory("VmPTE");
}

inline constexpr std::uint64_t batch = 1000;      // spawn_join: fibers alive at a time
inline constexpr unsigned fib_cutoff = 2;         // fork_join: below it, no fiber
inline constexpr std::uint64_t skynet_ways = 10;  // skynet: children of a node
inline constexpr unsigned mutex_fibers = 64;
inline constexpr std::uint64_t mpmc_ends = 4;  // mpmc: producers, and as many consumers
inline constexpr std::size_t mpmc_capacity = 128;
inline constexpr std::uint64_t scale_total = 4'000'000;  // yield_round, pairs: operations in all

/// yield_round, pairs: the operations of each of n.
constexpr std::uint64_t scale_each(std::uint64_t n) {
  return std::max(scale_total / n, std::uint64_t{1});
}

/// mutex_yield: whether a fiber's i-th section is held across a yield.
constexpr bool yields_holding(std::uint64_t i) {
  return i % 16 == 0;
}

constexpr std::uint64_t fib(std::uint64_t n) {
  std::uint64_t here = 0, next = 1;
  for (; n > 0; --n) {
    std::uint64_t const after = here + next;
    here = next;
    next = after;
  }
  return here;
}

inline options parse(int argc, char** argv) {
  options chosen;
  for (int i = 2; i + 1 < argc; i += 2) {
    std::string_view const name = argv[i];
    std::uint64_t const value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--workers") {
      chosen.workers = static_cast<unsigned>(value);
    } else if (name == "--n") {
      chosen.n = value;
    } else {
      throw std::invalid_argument(std::string("unknown option ") + argv[i]);
    }
  }
  if (chosen.n == 0 || chosen.workers == 0)
    throw std::invalid_argument("--workers and --n, please");
  return chosen;
}

/// main of every peer: exit 1 for a wrong result, 2 for a command that the peer does not know.
inline int main(const char* peer, std::map<std::string_view, workload> const& known, int argc,
                char** argv) {
  auto const chosen = known.find(argc > 1 ? argv[1] : "");
  if (chosen == known.end()) {
    std::fprintf(stderr, "workloads of %s:", peer);
    for (auto const& [name, run] : known) std::fprintf(stderr, " %s", name.data());
    std::fprintf(stderr, "\n");
    return 2;
  }
  try {
    options const given = parse(argc, argv);
    result const found = chosen->second(given);
    std::printf("%s %s %u %.2f %s\n", argv[1], peer, given.workers, found.value, found.unit);
    return 0;
  } catch (std::exception const& failure) {
    std::fprintf(stderr, "%s %s: %s\n", peer, argv[1], failure.what());
    return 1;
  }
}

}  // namespace bench
