// A mutex for fibers and threads: an atomic operation to lock and one to unlock while nobody
// contends. The protocol and its proof: sync/DESIGN.md#mutex.
#pragma once

#include <atomic>
#include <cstdint>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>
#include <ramie/sync/locks.hpp>

namespace ramie {

/// As std::mutex, for fibers and plain threads in any mix: a fiber that waits for it parks, a
/// thread blocks. Locking it twice from one fiber is a deadlock. It may be unlocked on another
/// worker than it was locked on, and held across waits. It may be destroyed as soon as nobody holds
/// it and no call of `lock` is left that has not returned.
///
/// An unlocked mutex goes to whoever comes first, which is fast; a waiter that was woken
/// `max_passed_over` times and found the mutex taken is handed it directly the next time.
class mutex {
 public:
  /// How often a waiter may be woken in vain before the mutex is handed to it.
  static constexpr unsigned max_passed_over = 8;

  constexpr mutex() noexcept = default;
  mutex(mutex const&) = delete;
  mutex& operator=(mutex const&) = delete;
  ~mutex() = default;

  /// Waits until the mutex is free and takes it. Not a cancellation point. Throws nothing.
  void lock() {
    std::uint32_t expected = 0;
    if (!state_.compare_exchange_strong(expected, held, std::memory_order_acquire,  // [M1]
                                        std::memory_order_relaxed)) {
      lock_contended({"mutex", this}, detail::steady_time::max(), interruptible::no);
    }
  }

  /// Takes the mutex if it is free. Never waits.
  bool try_lock() noexcept {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    return (seen & held) == 0 && try_take(seen, 0);
  }

  /// By the holder.
  void unlock() noexcept {
    std::uint32_t expected = held;
    if (!state_.compare_exchange_strong(expected, 0, std::memory_order_release,  // [M2]
                                        std::memory_order_relaxed)) {
      unlock_contended();
    }
  }

 private:
  friend class timed_mutex;
  struct node;

  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t waiting = 2;  // the queue is not empty
  static constexpr std::uint32_t woken = 4;    // a woken waiter is on its way to take the mutex

  bool try_take(std::uint32_t& seen, std::uint32_t cleared) noexcept;
  bool enqueue_or_take(node& self, std::uint32_t cleared) noexcept;
  bool lock_contended(park_reason reason, detail::steady_time deadline, interruptible mode);
  void leave(node& self) noexcept;
  void unlock_contended() noexcept;

  // Any union of held, waiting and woken. `waiting` changes under lock_ only. While `woken` is set
  // an unlock wakes nobody: the one on its way either takes the mutex or sets `waiting` again.
  // [M1] acquire in lock and [M3] in try_take pair with release [M2] in unlock and [M4] in
  // unlock_contended: a holder sees what the last one wrote.
  std::atomic<std::uint32_t> state_{0};
  detail::tiny_lock lock_;
  detail::wait_queue queue_;  // guarded by lock_
};

}  // namespace ramie
