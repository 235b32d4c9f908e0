// The atomics policy of the lock-free protocols.
//
// Every protocol of ramie (deque, inbox, park word, join word, idle set, descriptor slot) is a
// template over a policy, so that the code that ships is the code that the model checker runs.
// `std_atomics` is the policy that ships.
#pragma once

#include <atomic>

namespace ramie::detail {

/// The policy of production code: std::atomic, and memory orders as they are written.
struct std_atomics {
  template <class T>
  using atomic = std::atomic<T>;

  /// The memory order of one tagged operation. The model checker's policy weakens it by its tag.
  static constexpr std::memory_order order(const char* /*tag*/, std::memory_order written) noexcept {
    return written;
  }

  static void fence(const char* /*tag*/, std::memory_order written) noexcept {
    std::atomic_thread_fence(written);
  }
};

}  // namespace ramie::detail
