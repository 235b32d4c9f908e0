// The timers of one worker's fibers.
//
// A hierarchical timing wheel (G. Varghese, A. Lauck, "Hashed and hierarchical timing wheels", SOSP
// 1987, scheme 7) that keeps those which are not due for long in lists, and a heap of the others,
// which gives them back in order, to the nanosecond. The nodes lie on the waiting stacks: nothing
// is allocated, and setting a timer can't fail. Why not a heap alone: sched/DESIGN.md#timers.
//
// Time is counted in ticks. A timer of a tick after `base_` is in the wheel: on the level of the
// highest group of bits in which its tick and base_ differ, in the slot that this group of its tick
// names. Hence
//  1. what is on a level comes before all that is on higher ones, and what is in a slot before all
//     that is in later slots of its level: there is no wrapping round;
//  2. base_ may go forward to any tick before the first occupied slot's first: no timer would have
//     to move.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <ramie/sched/detail/tiny_lock.hpp>

#include "timer_heap.hpp"

namespace ramie::detail {

/// Thread safety: any thread may call any member.
class timer_wheel {
 public:
  /// Adds a timer. `now`, which may be late, is where an empty wheel begins.
  void add(timer_node& node, tick_time now) noexcept;

  /// Takes a timer out if it is still in; afterwards nobody else touches the node.
  void remove(timer_node& node) noexcept;

  /// Ends the waits that are due at `now` and that nobody else has ended; returns how many.
  unsigned fire(tick_time now) noexcept;

  /// No timer is due before; `never` if there is none. It is the earliest deadline itself, or that
  /// of a timer which has been removed since.
  tick_time next_due() const noexcept { return next_due_.load(std::memory_order_seq_cst); }

 private:
  using tick = std::uint64_t;
  static constexpr unsigned tick_bits = 20;  // a tick is 2^20 ns
  static constexpr unsigned slot_bits = 8;
  static constexpr unsigned slots = 1U << slot_bits;
  static constexpr unsigned levels = (63 - tick_bits + slot_bits - 1) / slot_bits;

  struct slot {
    timer_node* first = nullptr;
    tick_time earliest = never;  // of those that were put in
  };
  /// Which slots may hold a timer: a bit for each.
  using occupancy = std::array<std::uint64_t, slots / 64>;
  struct first_slot {
    slot* where;  // null: the wheel is empty
    tick begin;   // its first tick
  };

  static tick tick_of(tick_time when) noexcept;
  static void push(slot& into, timer_node& node) noexcept;
  static timer_node& pop(slot& from) noexcept;
  static void unlink(timer_node& node) noexcept;
  void place(timer_node& node) noexcept;
  first_slot find_first() noexcept;
  void sort_in(unsigned& budget) noexcept;
  void advance(tick to, unsigned budget) noexcept;
  bool take_due(tick_time now, slot& ended) noexcept;
  void publish() noexcept;

  tiny_lock lock_;
  // The earliest deadline or an earlier time, `never` if there is no timer. Written under the lock;
  // seq_cst, because a worker that is about to sleep announces how long and then reads it, while
  // whoever adds a timer writes it and then reads the announcement (core::sleep_deadline).
  std::atomic<tick_time> next_due_{never};
  std::size_t count_ = 0;
  tick base_ = 0;     // never goes back
  timer_heap heap_;   // the timers of base_ and before
  slot opened_;       // of a slot whose time has come: still to be sorted in, relative to base_
  std::array<occupancy, levels> occupied_{};
  std::array<std::array<slot, slots>, levels> wheel_;
};

}  // namespace ramie::detail
