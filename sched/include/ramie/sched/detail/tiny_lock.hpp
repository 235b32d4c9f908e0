// A lock of one byte, for critical sections of a few instructions.
#pragma once

#include <atomic>

#include <ramie/sched/atomics.hpp>

namespace ramie::detail {

/// Blocks the OS thread, never the fiber: nothing may park or take long while it is held. Meets
/// Lockable. Any thread.
///
/// Nobody is woken: who finds it taken looks again, and sleeps between the looks if its holder was
/// preempted. So unlocking is one store, not a read-modify-write that finds the sleepers, and the
/// last touch of the lock: whoever takes it next may destroy it.
template <class A>
class basic_tiny_lock {
 public:
  void lock() noexcept {
    for (unsigned round = 0; !try_lock();) {
      do {
        A::pause(round++);
      } while (held_.load(std::memory_order_relaxed));
    }
  }

  bool try_lock() noexcept {
    // acquire: sees what the last holder wrote; pairs with the release in unlock.
    return !held_.exchange(true, A::order("Y1", std::memory_order_acquire));
  }

  void unlock() noexcept {
    // release: publishes the critical section; pairs with the acquire in try_lock.
    held_.store(false, A::order("Y2", std::memory_order_release));
  }

 private:
  typename A::template atomic<bool> held_{false};
};

using tiny_lock = basic_tiny_lock<std_atomics>;

}  // namespace ramie::detail
