// What a unit of execution costs: to switch, to start and to keep. The source is the same for both;
// which of them it measures comes as a parameter.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "program.hpp"

namespace cost {

struct settings {
  std::uint64_t yields = 0;
  std::uint64_t hand_overs = 0;
  std::uint64_t spawns = 0;
  std::uint64_t parked = 0;
  std::uint64_t cores = 1;
};

/// 0 skips a measurement.
inline settings parse(int argc, char** argv) {
  settings given;
  program::parse(argc, argv, "measures what a unit of execution costs",
                 {{"yields", &given.yields, 0, 1'000'000'000, "by each of two units"},
                  {"hand-overs", &given.hand_overs, 0, 1'000'000'000, "by each of two units"},
                  {"spawns", &given.spawns, 0, 1'000'000'000, "units started and joined"},
                  {"parked", &given.parked, 0, 1'000'000, "units that wait all at once"},
                  {"cores", &given.cores, 1, 2, "for the two that hand over"}});
  return given;
}

/// A line of a file in /proc, given in KiB; in bytes.
inline double proc_bytes(const char* file, std::string_view field) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field)) return 1024 * std::stod(line.substr(field.size()));
  }
  throw std::runtime_error(std::string(file) + " does not tell " + std::string(field));
}

/// Memory of this process now, page tables included.
inline double resident_bytes() {
  return proc_bytes("/proc/self/status", "VmRSS:") + proc_bytes("/proc/self/status", "VmPTE:");
}

/// Of the whole machine; no process is charged for it.
inline double kernel_stack_bytes() {
  return proc_bytes("/proc/meminfo", "KernelStack:");
}

/// Platform: start(f), and start_on(core, f), return the owner of a unit that calls f, which has
/// join(); yield(); mutex and condition_variable as the standard's.
template <class Platform>
class measurement {
 public:
  explicit measurement(settings const& given) : given_(given) {}

  void run() {
    if (given_.yields != 0) yield();
    if (given_.hand_overs != 0) hand_over();
    if (given_.spawns != 0) spawn();
    if (given_.parked != 0) park();
  }

 private:
  using mutex = typename Platform::mutex;
  using condition_variable = typename Platform::condition_variable;

  /// Two units on one core. Only a yield after which the other has run was a switch.
  void yield() {
    std::atomic<int> running{0}, last{-1};
    std::array<std::uint64_t, 2> switches{};
    auto const yielder = [&](int self) {
      std::uint64_t switched = 0;
      running.fetch_add(1, std::memory_order_relaxed);
      while (running.load(std::memory_order_relaxed) != 2) Platform::yield();
      for (std::uint64_t i = 0; i < given_.yields; ++i) {
        last.store(self, std::memory_order_relaxed);
        Platform::yield();
        switched += last.load(std::memory_order_relaxed) != self ? 1U : 0U;
      }
      switches[static_cast<std::size_t>(self)] = switched;
    };
    program::stopwatch const watch;
    auto a = Platform::start_on(0, [&] { yielder(0); });
    auto b = Platform::start_on(0, [&] { yielder(1); });
    a.join();
    b.join();
    double const ns = watch.ns();
    auto const all = static_cast<double>(switches[0] + switches[1]);
    program::check(all > 0, "yielding lets the other run");
    program::report("yield", ns / all, "ns");
    program::report("yields_that_switch", 50 * all / static_cast<double>(given_.yields), "%");
  }

  /// Two units wake one another in turns, and wait.
  void hand_over() {
    mutex lock;
    std::array<condition_variable, 2> changed;
    std::size_t turn = 0;  // this and the count: guarded by lock
    std::uint64_t count = 0;
    auto const player = [&](std::size_t self) {
      for (std::uint64_t i = 0; i < given_.hand_overs; ++i) {
        {
          std::unique_lock held(lock);
          changed[self].wait(held, [&] { return turn == self; });
          turn = 1 - self;
          ++count;
        }
        changed[1 - self].notify_one();
      }
    };
    program::stopwatch const watch;
    auto a = Platform::start_on(0, [&] { player(0); });
    auto b = Platform::start_on(given_.cores - 1, [&] { player(1); });
    a.join();
    b.join();
    double const ns = watch.ns();
    program::check(count == 2 * given_.hand_overs, "they take turns");
    program::report("hand_over", ns / static_cast<double>(count), "ns");
  }

  /// One unit after another.
  void spawn() {
    std::uint64_t sum = 0;
    program::stopwatch const watch;
    for (std::uint64_t i = 1; i <= given_.spawns; ++i) {
      Platform::start([&sum, i] { sum += i; }).join();
    }
    double const ns = watch.ns();
    program::check(sum == given_.spawns * (given_.spawns + 1) / 2, "every unit adds its number");
    program::report("spawn_join", ns / static_cast<double>(given_.spawns), "ns");
  }

  /// As many units as can be had, all of which wait.
  void park() {
    mutex lock;
    condition_variable changed, released;
    bool release = false;  // this and the counts: guarded by lock
    std::uint64_t waiting = 0, woken = 0;
    auto const unit = [&] {
      std::unique_lock held(lock);
      ++waiting;
      changed.notify_one();
      released.wait(held, [&] { return release; });
      ++woken;
    };
    std::vector<decltype(Platform::start(unit))> units;
    units.reserve(given_.parked);
    double const resident = resident_bytes(), stacks = kernel_stack_bytes();
    try {
      while (units.size() < given_.parked) units.push_back(Platform::start(unit));
    } catch (std::system_error const& error) {
      std::printf("# no more than %zu: %s\n", units.size(), error.what());
    }
    {
      std::unique_lock held(lock);
      changed.wait(held, [&] { return waiting == units.size(); });
    }
    double const resident_all = resident_bytes() - resident;
    double const stacks_all = kernel_stack_bytes() - stacks;
    {
      std::lock_guard const held(lock);
      release = true;
    }
    released.notify_all();
    for (auto& each : units) each.join();
    program::check(!units.empty() && woken == units.size(), "every unit waits and goes on");
    auto const count = static_cast<double>(units.size());
    program::report("parked", count, "units");
    program::report("resident", resident_all / count, "bytes");
    program::report("kernel_stack", stacks_all / count, "bytes");
  }

  settings given_;
};

}  // namespace cost
