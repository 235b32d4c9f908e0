// The limit of any wake-up: a thread that waits in the kernel, and one that wakes it there.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "bench.hpp"
#include "wake_up.hpp"

namespace {

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  ::syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

template <unsigned Percent>
bench::result wake_up(bench::options const& chosen) {
  std::atomic<std::uint32_t> rung{0};
  bench::wake_ups all(chosen.n);
  std::thread sleeper([&] {
    for (std::uint32_t heard = 0; heard < chosen.n; ++heard) {
      while (rung == heard) futex(rung, FUTEX_WAIT_PRIVATE, heard);
      all.woken();
    }
  });
  auto const wake = [&] {
    ++rung;
    futex(rung, FUTEX_WAKE_PRIVATE, 1);
  };
  auto const found = all.measure(wake, Percent);
  sleeper.join();
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main("futex", {{"wake_up", wake_up<50>}, {"wake_up_p99", wake_up<99>}}, argc, argv);
}
