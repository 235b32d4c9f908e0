// The switch of a ported program: `lib` is std, or ramie where PORTED_TO_RAMIE is defined; and what
// the four programs measure. Nothing else in them knows which it is.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifdef PORTED_TO_RAMIE
#include <ramie/ramie.hpp>
namespace lib = ramie;
#else
#include <condition_variable>
#include <future>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <thread>
namespace lib = std;
#endif

#include "program.hpp"

namespace ported {

/// Once, before the first thread: where ramie's are to run. The standard's need no such place.
inline void prepare() {
#ifdef PORTED_TO_RAMIE
  ramie::set_default_runtime_options({.workers = 2});
#endif
}

/// The threads that the kernel sees in this process.
inline double kernel_threads() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    std::string_view constexpr field = "Threads:";
    if (line.starts_with(field)) return std::stod(line.substr(field.size()));
  }
  throw std::runtime_error("/proc/self/status does not tell the threads");
}

/// Many threads at once: when all of them are there, they begin together.
class crowd {
 public:
  explicit crowd(std::uint64_t count) : all_there_(static_cast<std::ptrdiff_t>(count) + 1) {
    threads_.reserve(count);
  }

  /// Called as often as the constructor was told: one more thread, which calls f().
  template <class F>
  void add(F f) {
    threads_.emplace_back([this, f = std::move(f)]() mutable {
      all_there_.arrive_and_wait();
      f();
    });
  }

  /// Lets them begin and waits for them all.
  void run() {
    kernel_threads_ = kernel_threads();
    all_there_.count_down();
    for (lib::thread& one : threads_) one.join();
  }

  double seen_by_the_kernel() const noexcept { return kernel_threads_; }

 private:
  lib::latch all_there_;
  std::vector<lib::thread> threads_;
  double kernel_threads_ = 0;
};

/// Reports the time and the processor time since it was made, and the process's memory.
class measurement {
 public:
  void report(crowd const& all) const {
    program::report("time", watch_.ns() / 1e6, "ms");
    program::report("cpu", (cpu_ms() - cpu_before_), "ms");
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    program::report("peak_memory", static_cast<double>(used.ru_maxrss) / 1024, "MiB");
    program::report("kernel_threads", all.seen_by_the_kernel(), "threads");
  }

 private:
  static double cpu_ms() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

  double cpu_before_ = cpu_ms();
  program::stopwatch watch_;
};

}  // namespace ported
