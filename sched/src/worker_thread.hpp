// An OS thread that runs fibers: its native stack, what it does when there are none, and the
// switches between them.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include <ramie/fiber/context.hpp>
#include <ramie/fiber/overflow.hpp>
#include <ramie/sched/detail/record.hpp>

#include "worker.hpp"

namespace ramie::detail {

class core;

/// What is left to do for the context that a switch has left, by the one that it entered: until the
/// switch is complete, nobody may see the fiber as parked, runnable or gone.
struct after_switch {
  enum class kind : std::uint8_t { nothing, park, yield, finish };
  kind what = kind::nothing;
  fiber_record* fiber = nullptr;
  std::uint64_t episode = 0;         // park
  stack_top stack = nullptr;         // finish
  stack_pool* odd_stacks = nullptr;  // finish: the pool, unless it is the worker's default one
};

class worker_thread {
 public:
  /// Throws std::system_error when memory for the signal stack runs out.
  worker_thread(core& home, worker& works_on) : home_(home), worker_(&works_on) {}

  /// Starts the OS thread. Throws std::system_error.
  void start();
  void join() { os_thread_.join(); }

  worker& works_on() noexcept { return *worker_; }
  core& home() noexcept { return home_; }
  fiber_record* current() const noexcept { return current_; }
  fiber_list& pinned() noexcept { return pinned_; }

  // --- by the fiber that runs on the thread; each may continue it on another thread

  /// Suspends the fiber until the wait of `episode` has ended.
  void park(fiber_record& self, std::uint64_t episode) noexcept;
  /// Lets others run first. Returns at once if there are none.
  void yield(fiber_record& self) noexcept;

  /// What runs first on every fiber's stack.
  static departure fiber_main() noexcept;

  // --- by any thread

  /// Makes a sleeping thread go on. Sticky: the next sleep returns at once.
  void notify() noexcept;

  // --- by core::sleep, on this thread

  /// Announces where the thread sleeps; false: it has been notified and must not.
  bool begin_sleep(bool in_driver) noexcept;
  void sleep_on_futex() noexcept;
  void end_sleep() noexcept;

 private:
  void main(unsigned index) noexcept;
  fiber_record* find_work() noexcept;
  bool must_not_sleep() const noexcept;

  fiber_record* choose_begun() noexcept;
  bool begin(fiber_record& fiber) noexcept;
  void leave(context& from, after_switch const& todo, fiber_record* next) noexcept;
  void complete_switch() noexcept;
  void complete_park(fiber_record& fiber, std::uint64_t episode) noexcept;

  static void run_task(fiber_record& self) noexcept;
  static context* finish(fiber_record& self) noexcept;
  bool continue_finished(fiber_record& next, after_switch const& todo) noexcept;

  enum : std::uint32_t { awake = 0, on_futex = 1, in_driver_wait = 2, notified = 3 };

  core& home_;
  worker* worker_;
  alternate_signal_stack signal_stack_;
  thread_slots slots_;
  fiber_record* current_ = nullptr;
  after_switch todo_;
  bool searching_ = false;  // counted as a searcher in the idle set
  context native_;
  context finished_;  // stands for the stack of a fiber that has ended, until it is left
  fiber_list pinned_;
  // Where the thread is; written by it and, to `notified`, by whoever wakes it. acq_rel exchanges:
  // what the waker did before is visible to the woken thread.
  std::atomic<std::uint32_t> place_{awake};
  std::thread os_thread_;
};

/// The worker thread that the caller runs on, or null. Never inlined, and opaque to the optimiser
/// (link-time optimisation included): the answer changes whenever a fiber migrates, and a compiler
/// that saw a thread_local here would keep its address across a switch.
worker_thread* current_worker_thread() noexcept;

/// The fiber that calls, or null.
fiber_record* current_fiber() noexcept;

}  // namespace ramie::detail
