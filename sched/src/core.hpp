// The inside of a runtime: what its workers, its monitor and the calls from outside share.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include <ramie/fiber/stack_pool.hpp>
#include <ramie/sched/detail/driver_in_use.hpp>
#include <ramie/sched/detail/fiber_limit.hpp>
#include <ramie/sched/detail/idle_set.hpp>
#include <ramie/sched/detail/spawn_gate.hpp>
#include <ramie/sched/detail/visit_count.hpp>
#include <ramie/sched/driver.hpp>
#include <ramie/sched/runtime.hpp>

#include "blocking_pool.hpp"
#include "fork_epoch.hpp"
#include "record_pool.hpp"
#include "thread_roster.hpp"
#include "timer_wheel.hpp"

namespace ramie::detail {

using driver_in_use = basic_driver_in_use<std_atomics, driver>;
using idle_set = basic_idle_set<std_atomics>;
using spawn_gate = basic_spawn_gate<std_atomics>;
using visit_count = basic_visit_count<std_atomics>;

/// The scheduler of one runtime. sched/DESIGN.md tells the protocols.
class core {
 public:
  /// Checks the options. Throws std::invalid_argument, std::system_error.
  explicit core(runtime_options given);
  ~core();
  core(core const&) = delete;
  core& operator=(core const&) = delete;

  /// Starts the first worker and, where there may be more, the monitor. Throws std::system_error.
  void start();

  /// Closes the door, cancels every fiber and waits until none is left, or for the deadline; then
  /// joins all threads. False: there are fibers left. May be called again, by several threads at
  /// once; not on a fiber.
  bool stop_by(steady_time deadline) noexcept;
  /// Those that have not ended, as seen in passing. After stop_by.
  std::vector<unfinished_fiber> unfinished();

  // --- fibers in and out: spawn.cpp

  fiber_record& acquire(fiber_options const& wanted, bool may_wait);
  void return_unused(fiber_record& fiber) noexcept;
  void launch(fiber_record& fiber) noexcept;

  /// Makes a fiber runnable from outside: it goes to a worker's inbox. Any thread. Returns how many
  /// that inbox has no room for, this one included.
  std::size_t hand_in(fiber_record& fiber) noexcept;

  /// Makes a fiber runnable that was parked. Any thread.
  void schedule(fiber_record& fiber, placement where) noexcept;
  /// The same if it is pinned to a thread.
  void schedule_pinned(fiber_record& fiber) noexcept;

  /// Gives back a finished fiber's place among max_fibers, and hands its record to its joiner or
  /// takes it back. `here`: the worker that the caller runs on, null if it is none.
  void settle(fiber_record& fiber, join_word::finish how, worker* here) noexcept;
  /// Counts a settled fiber out; the second is for threads that are no workers.
  void count_finished(worker& on) noexcept;
  void count_finished_outside() noexcept;

  // --- sleeping and waking: sleep.cpp

  /// Surplus work has become visible: wakes one sleeping worker, unless one searches already.
  void wake_one() noexcept;
  /// A searcher found work.
  void stop_searching() noexcept;
  /// A worker is awake again.
  void worker_awake() noexcept;
  /// A worker's sleep until it is notified, or a timer or an event comes. True: another thread has
  /// taken the worker meanwhile.
  bool sleep(worker_thread& self) noexcept;
  /// Whether a worker whose sleep has been announced must not sleep: the look at every queue.
  bool has_work_for(worker const& asleep) const noexcept;
  /// The same look for a worker whose thread sleeps already: whether that must be woken.
  bool needs_thread(worker const& asleep) noexcept;
  void interrupt_driver() noexcept;
  /// By who is no worker, and has given the driver something to watch: wakes a worker to do that.
  void attend_driver() noexcept;
  /// Looks at the driver without waiting, if nobody else is at it.
  void poll() noexcept;
  /// The same by an idle worker, if the driver expects to find something. False: nothing was there.
  bool look_before_sleep() noexcept;
  /// Whether any worker has work that an idle one should take.
  bool surplus_anywhere() const noexcept;
  tick_time next_timer() const noexcept;
  void fire_timers(tick_time now) noexcept;
  /// Makes room for one timer of each of so many fibers, on any worker. Throws std::system_error.
  void reserve_timers(std::size_t fibers);
  driver& io_driver(std::unique_ptr<driver> (*make)()) {
    driver& used = driver_.get();
    return &used != first_driver_.get() ? used : make_io_driver(make);
  }

  tick_time now() const {
    return (options.clock ? options.clock() : std::chrono::steady_clock::now())
        .time_since_epoch()
        .count();
  }

  bool in_forked_child() const noexcept { return fork_epoch_ != current_fork_epoch(); }
  runtime_metrics metrics() const;

  runtime_options const options;  // as checked: workers, seed and stack_size are set
  // Whether other workers may take from a worker's queues. False: plain loads and stores do.
  bool const parallel;
  std::unique_ptr<stack_pool> stacks;
  std::unique_ptr<record_pool> records;
  std::vector<std::unique_ptr<worker>> workers;
  idle_set idle;
  thread_roster roster;
  blocking_pool blocking;
  fiber_limit sections;  // those in blocking()
  // Set once, by stop, before it cancels: new fibers are born cancelled. Relaxed: the walk over the
  // registry is repeated until no fiber is left.
  std::atomic<bool> stopping{false};
  bool keeps_driver = false;  // set before the end: plain threads may wait in it still
  // Set once no fiber is left: workers end. seq_cst, against the announcement of sleep.
  std::atomic<bool> workers_end{false};

 private:
  fiber_record& acquire_with_care(fiber_options const& wanted, bool may_wait, bool inside);
  stack_pool& odd_stacks(std::size_t size);
  bool no_fiber_left() const noexcept;
  void name_live(std::vector<unfinished_fiber>& list);
  void cancel_all(std::span<std::optional<std::stop_source>> to_stop) noexcept;
  bool drain(steady_time deadline) noexcept;
  void end_threads() noexcept;
  void tell_drained() noexcept;

  driver& make_io_driver(std::unique_ptr<driver> (*make)());
  bool try_take_driver() noexcept {
    return !driver_is_taken_.exchange(true, std::memory_order_acquire);
  }
  void leave_driver() noexcept { driver_is_taken_.store(false, std::memory_order_release); }
  void note_poll() noexcept;
  void leave_timers_to_driver() noexcept;
  tick_time trim_when_due(worker& idle_one) noexcept;
  tick_time earliest_timed_wake() noexcept;
  void wake(int index) noexcept;
  void monitor_main(std::vector<std::uint64_t>& seen, std::vector<std::uint64_t>& looks) noexcept;
  void ask_for_looks(std::vector<std::uint64_t>& seen) noexcept;
  /// Between two ticks of the monitor.
  struct changes {
    bool any_chose = false;    // a worker has chosen what to run
    bool awake_chose = false;  // one that is still awake has
    bool stuck = false;        // one has not, beside queued work
  };
  changes changes_since(std::vector<std::uint64_t>& seen) const noexcept;
  bool anything_late() noexcept;
  bool all_asleep() const noexcept { return idle.sleeping() == workers.size(); }
  void sleep_monitor() noexcept;

  // What every spawn and wake from outside writes, on a line of its own: workers read what lies
  // around it whenever a fiber ends.
  alignas(64) spawn_gate gate_;
  // Spawns that failed after they had been counted in, and fibers and jobs that ended on threads
  // that are no workers. Release and acquire, like the finished counts that it is added to.
  std::atomic<std::uint64_t> undone_{0};
  visit_count visits_;
  std::atomic<std::uint64_t> random_state_;  // any value; relaxed: only spreads

  alignas(64) fiber_limit limit_;
  std::mutex odd_mutex_;
  std::map<std::size_t, std::unique_ptr<stack_pool>> odd_pools_;

  // Changed at most once, under driver_change_, and the old one is kept.
  std::unique_ptr<driver> first_driver_;
  std::unique_ptr<driver> io_driver_;
  driver_in_use driver_;
  std::mutex driver_change_;
  // Whether a worker is inside the driver: the one whose exchange has made it true, acquire, until
  // it stores false, release. Nobody waits for it.
  std::atomic<bool> driver_is_taken_{false};
  // By the worker that has taken the driver.
  tick_time next_trim_ = 0;          // no stack is trimmed before
  tick_time timers_counted_at_ = 0;  // when timers_counted_ was timers_fired_
  std::uint64_t timers_counted_ = 0;
  bool timers_are_dense_ = false;
  // Until when the worker inside the driver waits; nobody_waits when there is none. seq_cst: it
  // writes this and then reads the timers (timer_wheel::next_due_), while a worker that goes to
  // sleep elsewhere has written its timers and then reads this.
  static constexpr tick_time nobody_waits = std::numeric_limits<tick_time>::min();
  std::atomic<tick_time> sleep_deadline_{nobody_waits};
  std::atomic<tick_time> last_poll_{0};  // relaxed: the monitor's estimate

  std::thread monitor_;
  // A futex: ticking, asleep (until a worker is awake) or ending. seq_cst against the idle set.
  enum : std::uint32_t { monitor_ticks = 0, monitor_sleeps = 1, monitor_ends = 2 };
  std::atomic<std::uint32_t> monitor_state_{monitor_ticks};

  // Held while fibers are cancelled, threads joined, or the registry is read for a report.
  std::mutex stop_mutex_;
  bool ended_ = false;  // under stop_mutex_

  // Told when a fiber has ended during a stop.
  std::mutex drained_mutex_;
  std::condition_variable drained_;

  unsigned const fork_epoch_;                   // of the process that made this core
  std::atomic<std::uint64_t> wakeups_sent_{0};  // relaxed: metrics only
  std::atomic<std::uint64_t> polls_{0};         // relaxed: metrics only
  std::atomic<std::uint64_t> timers_fired_{0};  // relaxed: metrics only
};

/// Drops the result of a fiber that nobody joins, and tells of its exception. User code: on the
/// fiber itself while it still is one. The runtime may have ended.
void drop_detached(fiber_record& self) noexcept;

/// Whether what left the fiber is the delivery of its own cancellation: a normal end.
bool is_own_cancellation(fiber_record const& self, std::exception_ptr const& thrown) noexcept;

/// What ramie's own code may do to a waiter.
struct waiter_access {
  static parker& owner_of(waiter const& of) noexcept { return *of.parker_; }
  static std::uint64_t episode_of(waiter const& of) noexcept { return of.episode_; }
};

/// What ramie's own code may do to a runtime.
struct runtime_access {
  static core& core_of(runtime& of) noexcept;
};

/// Where the fiber's stack comes from. While its runtime has not ended.
inline stack_pool& stacks_of(fiber_record& fiber) noexcept {
  return fiber.odd_stacks != nullptr ? *fiber.odd_stacks : *fiber.home->stacks;
}

}  // namespace ramie::detail
