// An OS thread that runs fibers: its native stack, what it does when there are none, and the
// switches between them.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include <ramie/fiber/context.hpp>
#include <ramie/fiber/overflow.hpp>
#include <ramie/sched/detail/record.hpp>
#include <ramie/sched/detail/sleep_place.hpp>

#include "worker.hpp"

namespace ramie::detail {

class core;
class thread_roster;

using sleep_place = basic_sleep_place<std_atomics>;

/// What is left to do for the context that a switch has left, by the one that it entered: until the
/// switch is complete, nobody may see the fiber as parked, runnable or gone.
struct after_switch {
  enum class kind : std::uint8_t { nothing, park, yield, hand_in, finish };
  kind what = kind::nothing;
  fiber_record* fiber = nullptr;
  std::uint64_t episode = 0;         // park
  stack_top stack = nullptr;         // finish
  stack_pool* odd_stacks = nullptr;  // finish: the pool, unless it is the worker's default one
};

class worker_thread {
 public:
  /// Throws std::system_error when memory for the signal stack runs out.
  /// `serial`: its number among the runtime's threads.
  worker_thread(core& home, unsigned serial) : home_(home), serial_(serial) {}

  // --- by the roster

  /// Starts the OS thread, again perhaps: once the one before has left. Throws std::system_error.
  void start();
  /// Whether there is no OS thread any more. Does not wait: one that ends runs destructors of
  /// users.
  bool has_left() noexcept;
  void join() noexcept;

  // Under the roster's mutex.
  worker* last_worker = nullptr;  // the one that it works on, or worked on last
  bool benched = false;           // among those without a worker that may be given any
  bool wants_worker = false;      // in the queue of last_worker
  bool awaits_worker = false;     // it sleeps in thread_roster::await_worker, if it sleeps
  worker_thread* next_wanting = nullptr;

  // --- by this thread, while it has a worker

  worker& works_on() noexcept { return *worker_; }
  core& home() noexcept { return home_; }
  fiber_record* current() const noexcept { return current_; }
  fiber_list& pinned() noexcept { return pinned_; }
  /// std::uncaught_exceptions() of what runs on the thread, without a call into two libraries.
  unsigned uncaught_exceptions() const noexcept { return slots_.exceptions->uncaught; }

  // --- by the fiber that runs on the thread; each may continue it on another thread

  /// Suspends the fiber until the wait of `episode` has ended.
  void park(fiber_record& self, std::uint64_t episode) noexcept;
  /// Lets others run first. Returns at once if there are none.
  void yield(fiber_record& self) noexcept;

  /// Lets the fiber have the thread for itself: another one works on the worker from here on, and
  /// this one looks like a plain OS thread that runs in the fiber's name. Throws std::system_error:
  /// there is no other one, and nothing has changed.
  void begin_section(fiber_record& self);
  /// The fiber goes on as one, perhaps on another thread.
  void end_section(fiber_record& self) noexcept;

  /// In a forked child, by its only thread: the fiber that has forked, if it was one, goes on as a
  /// plain OS thread in its name. It would else come to run the others, which the parent runs too.
  static void leave_runtime_in_child() noexcept;

  /// What runs first on every fiber's stack.
  static departure fiber_main() noexcept;

  // --- by any thread

  /// Makes a sleeping thread go on. Sticky: the next sleep returns at once.
  void notify() noexcept;

  // --- by core::sleep and the roster, on this thread: see sleep_place.hpp

  bool begin_sleep(bool in_driver) noexcept { return place_.begin_sleep(in_driver); }
  /// False: the deadline has come, and nobody has notified the thread.
  bool sleep_on_futex(steady_time deadline) noexcept;
  bool end_sleep() noexcept { return place_.end_sleep(); }

  // Fibers that are pinned to the thread, those that are parked included. By this thread.
  std::uint32_t pinned_fibers = 0;

 private:
  friend class thread_roster;

  void main() noexcept;
  fiber_record* find_work() noexcept;
  bool must_not_sleep() const noexcept;

  fiber_record* choose_begun() noexcept;
  bool begin(fiber_record& fiber) noexcept;
  void leave(context& from, after_switch const& todo, fiber_record* next) noexcept;
  void complete_switch() noexcept;
  void complete_park(fiber_record& fiber, std::uint64_t episode) noexcept;

  static void run_task(fiber_record& self) noexcept;
  static departure finish(fiber_record& self) noexcept;
  bool continue_finished(fiber_record& next, stack_top stack) noexcept;

  core& home_;
  unsigned const serial_;
  // Null: none. By this thread while it has one and is awake, else under the roster's mutex.
  worker* worker_ = nullptr;
  std::uint64_t choices_when_gained_ = 0;  // of worker_, when await_worker gave it
  alternate_signal_stack signal_stack_;
  thread_slots slots_;
  fiber_record* current_ = nullptr;
  after_switch todo_;
  bool searching_ = false;  // counted as a searcher in the idle set
  context native_;
  context finished_;  // stands for the stack of a fiber that has ended, until it is left
  fiber_list pinned_;
  sleep_place place_;
  std::thread os_thread_;
};

/// The worker thread that the caller runs on, or null. Never inlined, and opaque to the optimiser
/// (link-time optimisation included): the answer changes whenever a fiber migrates, and a compiler
/// that saw a thread_local here would keep its address across a switch.
worker_thread* current_worker_thread() noexcept;

/// The fiber that calls, or null.
inline fiber_record* current_fiber() noexcept {
  worker_thread* const here = current_worker_thread();
  return here != nullptr ? here->current() : nullptr;
}

}  // namespace ramie::detail
