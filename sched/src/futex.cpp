#include <ramie/sched/detail/futex.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <thread>

#include <ramie/sched/atomics.hpp>

namespace ramie::detail {

// None of these is inlined: the header lets a compiler keep the address of errno, and link-time
// optimisation would keep it in a caller that switches fibers in between.
[[gnu::noinline]] bool futex_wait(void const* word, std::uint32_t expected,
                                  std::chrono::steady_clock::time_point deadline) noexcept {
  int const saved = errno;
  timespec until = {};
  timespec* timeout = nullptr;
  if (deadline != std::chrono::steady_clock::time_point::max()) {
    // An absolute time of CLOCK_MONOTONIC, which is what steady_clock counts.
    auto const since =
        std::max(deadline.time_since_epoch(), std::chrono::steady_clock::duration(0));
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    until.tv_sec = seconds.count();
    until.tv_nsec = std::chrono::nanoseconds(since - seconds).count();
    timeout = &until;
  }
  long const result = ::syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout,
                                nullptr, FUTEX_BITSET_MATCH_ANY);
  bool const expired = result != 0 && errno == ETIMEDOUT;
  errno = saved;
  return !expired;
}

[[gnu::noinline]] void futex_wake(void const* word, int count) noexcept {
  int const saved = errno;
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
  errno = saved;
}

[[gnu::noinline]] void std_atomics::leave_processor(unsigned round) noexcept {
  constexpr unsigned yields = 16;
  constexpr unsigned doublings = 4;  // from 50 to 800 us
  if (round < yields) return std::this_thread::yield();
  int const saved = errno;
  std::this_thread::sleep_for(std::chrono::microseconds(50) *
                              (1U << std::min(round - yields, doublings)));
  errno = saved;
}

}  // namespace ramie::detail
