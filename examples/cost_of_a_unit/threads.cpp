// What a thread costs.
#include <pthread.h>
#include <sched.h>

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "cost.hpp"

namespace {

/// The n-th of the CPUs that this process may use. Throws if it has fewer.
int nth_cpu(std::uint64_t n) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    throw std::system_error(errno, std::system_category(), "sched_getaffinity");
  }
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && n-- == 0) return cpu;
  }
  throw std::runtime_error("this process may not use so many cores");
}

void bind(std::thread::native_handle_type thread, int cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  int const error = ::pthread_setaffinity_np(thread, sizeof only, &only);
  if (error != 0) throw std::system_error(error, std::system_category(), "pthread_setaffinity_np");
}

struct threads {
  using mutex = std::mutex;
  using condition_variable = std::condition_variable;

  static void yield() noexcept { std::this_thread::yield(); }

  template <class F>
  static auto start(F f) {
    return std::jthread(std::move(f));
  }
  template <class F>
  static auto start_on(std::uint64_t core, F f) {
    int const cpu = nth_cpu(core);
    auto unit = start(std::move(f));
    bind(unit.native_handle(), cpu);
    return unit;
  }
};

}  // namespace

int main(int argc, char** argv) try {
  cost::settings const given = cost::parse(argc, argv);
  nth_cpu(given.cores - 1);  // An error now rather than when one of two threads runs.
  cost::measurement<threads>(given).run();
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
