// What all counting_semaphores share. The protocol: sync/DESIGN.md#semaphore.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

class semaphore_core {
 public:
  constexpr explicit semaphore_core(std::ptrdiff_t desired) noexcept
      : state_(static_cast<std::uint64_t>(desired) << 1) {}

  void release(std::ptrdiff_t update, std::ptrdiff_t most);
  bool try_acquire() noexcept;
  /// False: the deadline has come. Throws if the wait was interrupted.
  bool acquire(steady_time deadline);

 private:
  static constexpr std::uint64_t waited_for = 1;

  bool release_to_waiters(std::ptrdiff_t update) noexcept;
  bool take(std::uint64_t& seen) noexcept;
  void leave(wait_node& node) noexcept;

  tiny_lock lock_;
  wait_queue queue_;  // guarded by lock_
  // count << 1, or waited_for. The bit says that the queue is not empty, and changes under lock_
  // only; while it is set the count is zero and stays so: nobody passes those who wait.
  // [S1] release in release pairs with acquire [S2] in take. What is handed to a waiter is
  // published by its resume.
  std::atomic<std::uint64_t> state_;
};

}  // namespace ramie::detail
