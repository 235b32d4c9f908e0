// A worker: the run queues and caches that one OS thread at a time works on.
//
// The order in which a worker chooses what runs next, and why, stands in sched/DESIGN.md#choice.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include <ramie/fiber/stack_pool.hpp>
#include <ramie/sched/detail/inbox.hpp>
#include <ramie/sched/detail/next_slot.hpp>
#include <ramie/sched/detail/record.hpp>
#include <ramie/sched/detail/spawn_gate.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/detail/work_deque.hpp>

#include "inbox_queue.hpp"
#include "record_pool.hpp"
#include "timer_wheel.hpp"

namespace ramie::detail {

inline constexpr std::uint32_t deque_capacity = 1024;

using work_deque = basic_work_deque<fiber_record, std_atomics, deque_capacity>;
using fiber_list = basic_overflow_list<fiber_record, std_atomics, tiny_lock>;
using inbox = basic_inbox<fiber_record, std_atomics, inbox_queue, tiny_lock>;
using finished_count = basic_finished_count<std_atomics>;

/// A counter with one writer at a time and any readers. Relaxed: it orders nothing.
class tally {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class worker_thread;

class alignas(64) worker {
 public:
  worker(core& home, unsigned index, std::uint64_t seed);

  /// At most so many choices lie between two looks at inbox, timers, poller and the oldest fibers.
  /// Where a choice lasts long, the monitor asks for a look sooner.
  static constexpr std::uint64_t housekeeping_interval = 61;
  /// At most so many fibers in a row come from the run-next slot while others wait.
  static constexpr unsigned next_budget = 3;
  static constexpr tick_time near_deadline = 50'000'000;  // nanoseconds

  // --- by the thread that works on it

  /// What runs next, from this worker's own queues and inbox; null: nothing, or another thread
  /// wants the worker. `pinned`: fibers that belong to the calling thread.
  fiber_record* choose(fiber_list& pinned) noexcept;

  /// Makes a fiber runnable here.
  void push_fresh(fiber_record& fiber) noexcept;
  void push_ready(fiber_record& fiber) noexcept;
  void push_next(fiber_record& fiber) noexcept {
    if (!alone_) return push_next_shared(fiber);
    if (fiber_record* const pushed_out = next_.push(&fiber, true)) push_ready(*pushed_out);
  }

  /// Takes work from other workers, half of what one of them has; null: none found. Also takes what
  /// a victim would run itself soon, if it doesn't come to it.
  fiber_record* steal() noexcept;

  fiber_record* take_record() { return records_.take(); }
  void give_record(fiber_record& record) noexcept { records_.give(&record); }
  stack_top take_stack() noexcept { return stacks_.take(); }
  void give_stack(stack_top stack) noexcept { stacks_.give(stack); }
  void trim_stacks() noexcept { stacks_.trim(); }
  bool untrimmed_stacks() const noexcept { return stacks_.untrimmed(); }
  std::uint64_t new_id() noexcept {
    if (next_id_ == ids_end_) draw_more_ids();
    return next_id_++;
  }
  /// The next of a row of numbers that the runtime's seed determines.
  std::uint64_t random() noexcept;
  void clear_caches() noexcept;

  /// Due timers and the inbox; the poller too if asked for. False: nothing can have come of it.
  bool look_around(bool poll) noexcept;

  /// While a stream of work comes in from outside: waits some microseconds for more of it. That
  /// costs less than to sleep, and be woken by a system call of the sender's. True: there is more.
  bool await_mail() noexcept;

  /// Whether a deadline is so near, or so long ago, that only the clock can tell whether it has
  /// come. A clock read costs as much as a timer: far deadlines do without. If one has come all the
  /// same, because the worker has not looked at the clock for long, its timer fires at the next
  /// look.
  bool may_be_past(tick_time due) const noexcept { return due < last_look_ + near_deadline; }

  // --- by any thread

  /// Whether the queues hold more than what the owner runs next.
  bool has_surplus() const noexcept;
  bool has_work() const noexcept;
  /// Whether any that were woken or have yielded are queued.
  bool has_ready() const noexcept { return ready_.size() != 0; }
  std::size_t queued() const noexcept;
  inbox& mail() noexcept { return mail_; }
  inbox const& mail() const noexcept { return mail_; }

  core& home;
  unsigned const index;
  // The thread that works here; null: not started. Written under the roster's mutex, release; who
  // wakes it loads it, acquire.
  std::atomic<worker_thread*> thread{nullptr};
  // Whether a thread with pinned fibers waits to work here: whoever does now gives the worker up at
  // the next housekeeping. Relaxed: a hint, the roster's mutex decides.
  std::atomic<bool> is_wanted{false};
  // Whether the next choice is to look around first, whatever its number: set by the monitor,
  // cleared by the owner's look. Relaxed: a hint.
  std::atomic<bool> look_is_due{false};
  worker_thread* first_wanting = nullptr;  // under the roster's mutex
  timer_wheel timers;
  tally choices;  // times that something to run was chosen, or not found
  tally looks;    // at inbox, timers and poller, while there was something to run
  tally steals;
  tally queue_samples;
  tally queue_time;  // nanoseconds
  tally queue_time_max;
  // Fibers spawned by fibers that ran here; and those that ended here. Drain: see spawn_gate.hpp.
  finished_count spawned;
  finished_count finished;

 private:
  void draw_more_ids() noexcept;
  void keep_house() noexcept;
  fiber_record* take_queued() noexcept;
  fiber_record* take_ready() noexcept;
  fiber_record* take_overflowed_ready() noexcept;
  fiber_record* take_mailed() noexcept;
  fiber_record* take_fresh(bool overflowed) noexcept;
  fiber_record* take_oldest_fresh() noexcept;
  void check_oldest() noexcept;
  void fetch_mail() noexcept;
  void fetch_ahead() noexcept;
  fiber_record* take_from(worker& victim, bool singles) noexcept;
  fiber_record* take_half(work_deque& from, work_deque& to, fiber_list& rest) noexcept;
  fiber_record* take_stuck(worker& victim) noexcept;
  void push_ready_slowly(fiber_record& fiber) noexcept;
  void push_next_shared(fiber_record& fiber) noexcept;
  bool samples() const noexcept;
  void sample_push(fiber_record& fiber) noexcept;
  void sample_pop(fiber_record& fiber) noexcept;

  bool const alone_;  // nobody steals from here
  record_cache records_;
  stack_cache stacks_;
  std::uint64_t next_look_ = housekeeping_interval;  // the choice that begins with it
  unsigned fetches_ = 0;
  unsigned budget_ = next_budget;
  std::uint64_t random_state_;
  tick_time last_look_;            // at the clock, for timers
  tick_time oldest_since_;         // when fresh_ was last seen empty, or taken oldest first
  bool had_mail_ = false;          // since the last await_mail
  bool const senders_run_beside_;  // and not only when this thread sleeps
  bool oldest_first_ = false;      // the next fresh fiber to begin is the oldest
  std::uint64_t next_id_ = 0;
  std::uint64_t ids_end_ = 0;

  alignas(64) basic_next_slot<fiber_record, std_atomics> next_;
  work_deque fresh_;  // never ran: newest first here, oldest first for thieves
  work_deque ready_;  // woken or yielded: oldest first
  // What the rings had no room for, the oldest first: of the fresh ones those that are older than
  // all in the ring, of the others those that are younger.
  fiber_list fresh_overflow_;
  fiber_list ready_overflow_;
  inbox mail_;  // from outside
};

}  // namespace ramie::detail
