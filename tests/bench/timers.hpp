// n fibers that sleep, from the time that each begins, for up to a second: each for its own part of
// it, and for `least` before. Fibers: handle, spawn(f), sleep_until(time). Called by a fiber.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "bench.hpp"

namespace bench {

struct sleepers_round {
  double cpu_us = 0;              // of the process, for each sleeper
  std::vector<double> late_ms{};  // sorted
};

template <class Fibers>
sleepers_round run_sleepers(std::uint64_t n, std::chrono::nanoseconds least = {}) {
  sleepers_round round;
  round.late_ms.assign(n, -1);
  std::vector<typename Fibers::handle> handles(n);
  double const before = cpu_us();
  for (std::uint64_t i = 0; i < n; ++i) {
    handles[i] = Fibers::spawn([&late = round.late_ms[i],
                                asleep = least + i * std::chrono::nanoseconds(1'000'000'000) / n] {
      auto const due = std::chrono::steady_clock::now() + asleep;
      Fibers::sleep_until(due);
      late =
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - due).count();
    });
  }
  for (auto& handle : handles) handle.join();
  round.cpu_us = (cpu_us() - before) / static_cast<double>(n);
  std::sort(round.late_ms.begin(), round.late_ms.end());
  check(round.late_ms.front() >= 0, "nobody wakes early");
  return round;
}

/// The CPU time of a sleeper, on stacks that nobody has used.
template <class Fibers>
result timers_cold(std::uint64_t n) {
  return {run_sleepers<Fibers>(n).cpu_us, "us"};
}

/// A round on stacks that were all in use before: in the first, nobody wakes before the last has
/// begun, or the early sleepers' stacks would serve the late ones too.
template <class Fibers>
sleepers_round warm_round(std::uint64_t n) {
  run_sleepers<Fibers>(n, std::chrono::seconds(1));
  run_sleepers<Fibers>(n);
  return run_sleepers<Fibers>(n);
}

/// The CPU time of a sleeper then.
template <class Fibers>
result timers_warm(std::uint64_t n) {
  return {warm_round<Fibers>(n).cpu_us, "us"};
}

/// How late the one sleeper in `of` wakes, after so many that are earlier.
template <class Fibers>
result timers_late(std::uint64_t n, std::uint64_t nth, std::uint64_t of) {
  return {warm_round<Fibers>(n).late_ms[n * nth / of], "ms"};
}

}  // namespace bench
