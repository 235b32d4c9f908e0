// A lock of one word, for critical sections of a few instructions.
#pragma once

#include <atomic>
#include <cstdint>

namespace ramie::detail {

/// Blocks the OS thread, never the fiber: nothing may park, throw or call user code while it is
/// held. Meets BasicLockable. Any thread.
class tiny_lock {
 public:
  void lock() noexcept {
    std::uint32_t expected = free;
    // acquire: sees what the last holder wrote; pairs with the release in unlock.
    if (!state_.compare_exchange_strong(expected, held, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      lock_contended();
    }
  }

  bool try_lock() noexcept {
    std::uint32_t expected = free;
    return state_.compare_exchange_strong(expected, held, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

  void unlock() noexcept {
    // release: publishes the critical section; pairs with the acquire in lock and lock_contended.
    if (state_.exchange(free, std::memory_order_release) == contended) wake_one();
  }

 private:
  void lock_contended() noexcept;
  void wake_one() noexcept;

  enum : std::uint32_t { free = 0, held = 1, contended = 2 };  // contended: held, threads sleep

  std::atomic<std::uint32_t> state_{free};
};

}  // namespace ramie::detail
