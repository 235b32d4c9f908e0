// The timers of one worker's fibers: a pairing heap of nodes that lie on the waiting stacks.
//
// M. Fredman, R. Sedgewick, D. Sleator, R. Tarjan, "The pairing heap" (Algorithmica 1986). Adding
// is O(1), removing amortised O(log n), and neither allocates, so that setting a timer can't fail.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/park.hpp>

namespace ramie::detail {

/// steady_clock nanoseconds: what the scheduler's atomics hold.
using tick_time = std::int64_t;
inline constexpr tick_time never = std::numeric_limits<tick_time>::max();

class timer_heap;

/// One bounded wait, on the stack of whoever waits.
struct timer_node {
  timer_node(waiter& whom, tick_time deadline) noexcept : target(&whom), due(deadline) {}

  waiter* target;
  tick_time due;
  // Guarded by the heap's lock.
  timer_heap* heap = nullptr;  // null: not in any heap
  timer_node* child = nullptr;
  timer_node* sibling = nullptr;
  timer_node* previous = nullptr;  // the parent, of a first child; else the sibling before it
};

/// Thread safety: any thread may call any member.
class timer_heap {
 public:
  /// Adds a timer. True: it is now the earliest one.
  bool add(timer_node& node) noexcept;

  /// Takes a timer out if it is still in; afterwards nobody else touches the node.
  void remove(timer_node& node) noexcept;

  /// Ends the waits that are due at `now` and that nobody else has ended; returns how many.
  unsigned fire(tick_time now) noexcept;

  /// The earliest deadline, `never` if there is none.
  tick_time next_due() const noexcept { return next_due_.load(std::memory_order_seq_cst); }

 private:
  static timer_node* meld(timer_node* a, timer_node* b) noexcept;
  static timer_node* meld_siblings(timer_node* first) noexcept;
  void pop_root() noexcept;
  bool claim_due(tick_time now, timer_node*& ended) noexcept;
  void publish() noexcept;

  mutable tiny_lock lock_;
  timer_node* root_ = nullptr;
  // The root's deadline or `never`. Written under the lock; seq_cst, because a worker that is about
  // to sleep announces how long and then reads it, while whoever adds a timer writes it and then
  // reads the announcement (core::sleep_deadline).
  std::atomic<tick_time> next_due_{never};
};

}  // namespace ramie::detail
