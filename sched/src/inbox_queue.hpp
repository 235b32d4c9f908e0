// The bounded queue under every inbox: Boost.Lockfree, and nothing of it anywhere else.
//
// It is Boost's ring for one producer and one consumer with a lock at either end, each held for a
// few instructions. Boost's queue for many of both takes a node from a free list for each item and
// gives it back: five atomic operations, on three cache lines that senders and workers share. Here
// senders meet on one line, the lock and the ring's write index, and the worker looks at that line
// once per batch; the items it takes lie eight to a line.
#pragma once

#include <boost/lockfree/policies.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <span>

#include <ramie/sched/detail/record.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>

namespace ramie::detail {

/// Thread safety: any thread may push and pop.
class alignas(64) inbox_queue {
 public:
  static constexpr std::size_t capacity = 1024;

  inbox_queue();

  /// False when it is full.
  bool push(fiber_record* item) noexcept;

  /// Fills the beginning of `out` with the oldest items and returns how many.
  std::size_t pop(std::span<fiber_record*> out) noexcept;

  /// Approximate: it overlooks no item that was pushed before the caller's sequentially consistent
  /// fence and that nobody takes meanwhile.
  bool empty() const noexcept;

 private:
  // It lies before the ring's write index, in the same cache line.
  tiny_lock producers_;
  boost::lockfree::spsc_queue<fiber_record*, boost::lockfree::capacity<capacity>> ring_;
  tiny_lock consumers_;
};

}  // namespace ramie::detail
