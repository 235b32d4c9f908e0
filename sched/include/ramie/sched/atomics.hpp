// The atomics policy of the lock-free protocols.
//
// Every protocol of ramie (deque, inbox, park word, join word, idle set, spawn gate, descriptor
// slot) is a template over a policy, so that the code that ships is the code that the model checker
// runs. `std_atomics` is the policy that ships.
//
// Each order stronger than relaxed is written `A::order("D1", std::memory_order_acquire)`: the
// model checker's policy weakens one of them at a time, by its tag (docs/MODELS.md).
#pragma once

#include <atomic>

#include <ramie/sched/detail/futex.hpp>

namespace ramie::detail {

/// The policy of production code: std::atomic, and memory orders as they are written.
struct std_atomics {
  template <class T>
  using atomic = std::atomic<T>;

  /// The memory order of one tagged operation. The model checker's policy weakens it by its tag.
  static constexpr std::memory_order order(const char* /*tag*/,
                                           std::memory_order written) noexcept {
    return written;
  }

  static void fence(const char* /*tag*/, std::memory_order written) noexcept {
    std::atomic_thread_fence(written);
  }

  /// One round of a wait for another thread that is a few instructions from done. Only a thread
  /// preempted among those instructions makes the rounds many; the processor is left to it then.
  static void pause(unsigned round) noexcept {
    constexpr unsigned spins = 64;
    if (round < spins) return cpu_pause();
    leave_processor(round - spins);
  }

 private:
  /// Yields some rounds long, and sleeps in the later ones: yielding leaves nothing to a thread of
  /// a lower real-time priority. errno is kept.
  static void leave_processor(unsigned round) noexcept;
};

}  // namespace ramie::detail
