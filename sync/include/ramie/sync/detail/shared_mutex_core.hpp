// What shared_mutex and shared_timed_mutex share. The protocol: sync/DESIGN.md#shared-mutex.
#pragma once

#include <atomic>
#include <cstdint>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

class shared_mutex_core {
 public:
  constexpr explicit shared_mutex_core(const char* what) noexcept : what_(what) {}

  /// False: the deadline has come. Throws if the wait was interrupted.
  bool lock(steady_time deadline, interruptible mode) {
    return try_lock() || lock_contended(deadline, mode);
  }
  bool try_lock() noexcept {
    std::uint64_t expected = 0;
    return state_.compare_exchange_strong(expected, held, std::memory_order_acquire,  // [R1]
                                          std::memory_order_relaxed);
  }
  void unlock() noexcept {
    std::uint64_t expected = held;
    if (!state_.compare_exchange_strong(expected, 0, std::memory_order_release,  // [R2]
                                        std::memory_order_relaxed)) {
      hand_over(held);
    }
  }

  bool lock_shared(steady_time deadline, interruptible mode) {
    return try_lock_shared() || lock_shared_contended(deadline, mode);
  }
  bool try_lock_shared() noexcept {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    return try_join(seen);
  }
  void unlock_shared() noexcept {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    if ((seen & waiting) != 0 ||
        !state_.compare_exchange_strong(seen, seen - reader, std::memory_order_release,  // [R2]
                                        std::memory_order_relaxed)) {
      hand_over(reader);
    }
  }

 private:
  static constexpr std::uint64_t held = 1;     // by a writer
  static constexpr std::uint64_t waiting = 2;  // a queue is not empty
  static constexpr std::uint64_t reader = 4;   // one reader

  bool try_join(std::uint64_t& seen) noexcept;
  bool lock_contended(steady_time deadline, interruptible mode);
  bool lock_shared_contended(steady_time deadline, interruptible mode);
  bool enqueue_or_take(wait_node& self) noexcept;
  bool enqueue_or_join(wait_node& self) noexcept;
  bool finish(wait_queue& queue, wait_node& self, wake outcome);
  resume_list leave(wait_queue& queue, wait_node& self) noexcept;
  std::uint64_t admit_readers(resume_list& admitted) noexcept;
  std::uint64_t admit_writer(resume_list& admitted) noexcept;
  std::uint64_t waiting_bit() const noexcept;
  void hand_over(std::uint64_t holder) noexcept;

  tiny_lock lock_;
  wait_queue readers_;  // guarded by lock_
  wait_queue writers_;  // guarded by lock_
  // 0, held, or a number of readers; with `waiting` while a queue is not empty, which changes under
  // lock_ only. The bit is never set over a free lock: the last holder hands it over under lock_.
  // Readers wait only while a writer holds the lock or waits.
  // [R1] acquire in what takes or hands on the lock pairs with release [R2] in what gives it up: a
  // holder sees what those before it wrote.
  std::atomic<std::uint64_t> state_{0};
  const char* const what_;
};

}  // namespace ramie::detail
