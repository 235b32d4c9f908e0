// The inside of a runtime: what its workers, its monitor and the calls from outside share.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <ramie/fiber/stack_pool.hpp>
#include <ramie/sched/detail/idle_set.hpp>
#include <ramie/sched/detail/spawn_gate.hpp>
#include <ramie/sched/driver.hpp>
#include <ramie/sched/runtime.hpp>

#include "fiber_limit.hpp"
#include "record_pool.hpp"
#include "timer_heap.hpp"

namespace ramie::detail {

class worker;
class worker_thread;

using idle_set = basic_idle_set<std_atomics>;
using spawn_gate = basic_spawn_gate<std_atomics>;

/// The scheduler of one runtime. sched/DESIGN.md tells the protocols.
class core {
 public:
  explicit core(runtime_options options);
  ~core();
  core(core const&) = delete;
  core& operator=(core const&) = delete;

  /// Starts the first worker and, where there may be more, the monitor. Throws std::system_error.
  void start();

  /// Closes the door, cancels every fiber, waits until none is left, and joins all threads. Once.
  void stop() noexcept;

  // --- fibers in and out

  fiber_record& acquire(fiber_options const& wanted, bool may_wait);
  void give_back(fiber_record& fiber) noexcept;
  void launch(fiber_record& fiber) noexcept;

  /// Makes a fiber runnable: it was parked, or never began.
  void schedule(fiber_record& fiber, placement where) noexcept;

  /// Counts a finished fiber out.
  void finished(worker& on) noexcept;

  // --- sleeping and waking

  /// Wakes one sleeping worker, unless one searches already: surplus work has become visible.
  void wake_one() noexcept;
  void wake(unsigned index) noexcept;

  /// A sleeping worker's wait for its turn, a timer or an event.
  void sleep(worker& self) noexcept;

  /// Looks at the driver without waiting, if nobody else is at it.
  void poll() noexcept;

  /// Whether any worker has work that an idle one should take.
  bool surplus_anywhere() const noexcept;

  /// A timer was added that is the earliest of its worker's.
  void timer_added(tick_time due) noexcept;
  tick_time next_timer() const noexcept;
  unsigned fire_timers(tick_time now) noexcept;

  driver& io_driver(driver_factory const& make);

  tick_time now() const {
    return (options.clock ? options.clock() : std::chrono::steady_clock::now())
        .time_since_epoch()
        .count();
  }

  runtime_metrics metrics() const;

  stack_pool& odd_stacks(std::size_t size);
  std::uint64_t draw_ids(std::uint64_t count) noexcept;

  runtime_options options;  // as checked: workers, seed and stack_size are set
  stack_pool stacks;
  std::unique_ptr<record_pool> records;
  std::vector<std::unique_ptr<worker>> workers;
  idle_set idle;
  spawn_gate gate;
  // Whether other workers may take from a worker's queues. False: plain loads and stores do.
  bool const parallel;
  // Set once, by stop, before it cancels: new fibers are born cancelled, finishing ones report.
  // Relaxed: the walk over the registry repeats until none is left.
  std::atomic<bool> stopping{false};
  // Set once no fiber is left: workers end. seq_cst with the announcement of sleep.
  std::atomic<bool> workers_end{false};

 private:
  bool no_fiber_left() const noexcept;
  void cancel_all() noexcept;
  void start_thread(unsigned index);
  void monitor_loop() noexcept;
  bool monitor_tick(std::vector<std::uint64_t>& seen_ticks) noexcept;
  bool anything_stuck(std::vector<std::uint64_t>& seen_ticks) noexcept;
  void wake_monitor() noexcept;
  worker& random_worker() noexcept;

  fiber_limit limit_;
  std::mutex odd_mutex_;
  std::map<std::size_t, std::unique_ptr<stack_pool>> odd_pools_;

  std::mutex threads_mutex_;
  std::vector<std::unique_ptr<worker_thread>> threads_;
  std::atomic<unsigned> started_{0};  // relaxed: metrics only

  // The driver in use. Replaced once, under driver_change_; the old one stays until the end.
  std::atomic<driver*> driver_{nullptr};
  std::mutex driver_change_;
  std::unique_ptr<driver> first_driver_;
  std::unique_ptr<driver> io_driver_;
  std::mutex driver_turn_;  // held by the one worker that is inside the driver
  // Until when the worker inside the driver waits; `never` when nobody is. seq_cst: see timer_heap.
  std::atomic<tick_time> sleep_deadline_{never};
  std::atomic<tick_time> last_poll_{0};  // relaxed: the monitor's estimate

  std::thread monitor_;
  // 0: ticks or is about to. 1: sleeps until woken. 2: told to look again. Futex.
  std::atomic<std::uint32_t> monitor_state_{0};

  // Told when the last fiber has ended during a stop.
  std::mutex drained_mutex_;
  std::condition_variable drained_;

  std::atomic<std::uint64_t> random_state_;    // any value; relaxed: only spreads
  std::atomic<std::uint64_t> wakeups_sent_{0};  // relaxed: metrics only
  std::atomic<std::uint64_t> polls_{0};         // relaxed: metrics only
  std::atomic<std::uint64_t> timers_fired_{0};  // relaxed: metrics only
};

}  // namespace ramie::detail
