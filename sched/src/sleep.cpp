// How workers of a core sleep and are woken, and the monitor. The protocol and its proof sketch:
// sched/DESIGN.md#sleep.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <ramie/sched/detail/futex.hpp>

#include "core.hpp"
#include "quiet_thread.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

namespace {

// In nanoseconds. What is stuck is seen at the second tick. The longer nothing changes, the rarer
// the ticks: each takes a processor away, perhaps from who does the work beside a busy worker. And
// to wake the monitor takes longer than many a request.
constexpr tick_time monitor_period = 400'000;
constexpr tick_time longest_monitor_period = 8 * monitor_period;
constexpr tick_time idle_before_monitor_sleeps = 100'000'000;
constexpr tick_time trim_period = 5'000'000'000;
// While timers are dense, so many in that time, nobody wakes up for them sooner than after it: a
// wake costs as much as some sleeping fibers.
constexpr tick_time timer_spacing = 1'000'000;
constexpr std::uint64_t dense_timers = 8;
constexpr tick_time density_period = 2'000'000;

steady_time to_time(tick_time when) noexcept {
  return when == never ? steady_time::max()
                       : steady_time(std::chrono::steady_clock::duration(when));
}

}  // namespace

void core::wake_one() noexcept {
  wake(idle.pick_sleeper_to_wake());
}

void core::stop_searching() noexcept {
  if (!idle.stop_searching()) return;
  // The last searcher: whoever pushed work meanwhile has relied on it.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (surplus_anywhere()) wake_one();
}

// Wakes a worker that the caller has picked; nobody if the index is negative.
void core::wake(int index) noexcept {
  if (index < 0) return;
  auto const picked = static_cast<unsigned>(index);
  wakeups_sent_.fetch_add(1, std::memory_order_relaxed);
  try {
    roster.wake(*workers[picked]);
  } catch (std::exception const&) {
    // No thread or memory to be had: the others do the work, and the next wake tries again.
    idle.announce_sleep(picked, true);
  }
}

bool core::surplus_anywhere() const noexcept {
  return std::any_of(workers.begin(), workers.end(),
                     [](auto const& each) { return each->has_surplus(); });
}

bool core::has_work_for(worker const& asleep) const noexcept {
  return workers_end.load(std::memory_order_seq_cst) || asleep.has_work() ||
         (parallel && surplus_anywhere());
}

bool core::needs_thread(worker const& asleep) noexcept {
  if (has_work_for(asleep)) return true;
  if (sleep_deadline_.load(std::memory_order_seq_cst) == nobody_waits) {
    return next_timer() != never || driver_.get().has_sources();
  }
  leave_timers_to_driver();
  return false;
}

void core::attend_driver() noexcept {
  // Against the look at the driver's sources by whoever announces a sleep and does not wait there
  // (needs_thread): either that finds the new one, or this finds the sleeper.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sleep_deadline_.load(std::memory_order_seq_cst) != nobody_waits) return;
  wake(idle.pick_any_sleeper());
}

// A worker goes to sleep, or does, elsewhere: its timers are now those of the one inside the
// driver.
void core::leave_timers_to_driver() noexcept {
  if (next_timer() < sleep_deadline_.load(std::memory_order_seq_cst)) interrupt_driver();
}

tick_time core::next_timer() const noexcept {
  tick_time earliest = never;
  for (auto const& each : workers) earliest = std::min(earliest, each->timers.next_due());
  return earliest;
}

void core::reserve_timers(std::size_t fibers) {
  for (auto const& each : workers) each->timers.reserve(fibers);
}

void core::fire_timers(tick_time at) noexcept {
  unsigned fired = 0;
  for (auto const& each : workers) fired += each->timers.fire(at);
  if (fired != 0) timers_fired_.fetch_add(fired, std::memory_order_relaxed);
}

// --- the driver

// By the worker that has taken the driver.
void core::note_poll() noexcept {
  polls_.store(polls_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (parallel) last_poll_.store(now(), std::memory_order_relaxed);  // for the monitor
}

void core::poll() noexcept {
  driver& source = driver_.get();
  if (!source.has_sources() || !try_take_driver()) return;
  source.wait_until(steady_time::min());
  note_poll();
  leave_driver();
}

bool core::look_before_sleep() noexcept {
  driver& source = driver_.get();
  if (!source.has_sources() || !try_take_driver()) return false;
  bool const served = source.look_before_sleep();
  if (served) note_poll();
  leave_driver();
  return served;
}

bool core::sleep(worker_thread& self) noexcept {
  if (try_take_driver()) {
    driver& place = driver_.get();  // before it is told where this thread sleeps
    if (self.begin_sleep(true)) {
      tick_time const trim_at = trim_when_due(self.works_on());
      tick_time const earliest = earliest_timed_wake();
      tick_time due = never;
      for (;;) {
        due = std::min(std::max(next_timer(), earliest), trim_at);
        sleep_deadline_.store(due, std::memory_order_seq_cst);
        if (std::max(next_timer(), earliest) >= due) break;
      }
      place.wait_until(to_time(due));
      sleep_deadline_.store(nobody_waits, std::memory_order_seq_cst);
      note_poll();
    }
    leave_driver();
  } else if (self.begin_sleep(false)) {
    leave_timers_to_driver();
    self.sleep_on_futex(steady_time::max());
  }
  return self.end_sleep();
}

// No timer that is yet to come is worth a wake before. By the worker that has taken the driver.
tick_time core::earliest_timed_wake() noexcept {
  constexpr tick_time at_once = std::numeric_limits<tick_time>::min();
  tick_time const due = next_timer();
  if (due == never || options.clock) return at_once;
  tick_time const at = now();
  if (tick_time const passed = at - timers_counted_at_; passed >= density_period) {
    std::uint64_t const fired = timers_fired_.load(std::memory_order_relaxed);
    timers_are_dense_ = (fired - std::exchange(timers_counted_, fired)) * timer_spacing >=
                        dense_timers * static_cast<std::uint64_t>(passed);
    timers_counted_at_ = at;
  }
  return timers_are_dense_ && due > at ? at + timer_spacing : at_once;
}

// Gives memory of stacks back that were unused for a while, in steps between which the driver is
// looked at. Returns when to look again. By the worker that has taken the driver.
tick_time core::trim_when_due(worker& idle_one) noexcept {
  std::lock_guard const guard(odd_mutex_);
  bool untrimmed = idle_one.untrimmed_stacks() || stacks->untrimmed();
  for (auto const& [size, pool] : odd_pools_) untrimmed = untrimmed || pool->untrimmed();
  if (!untrimmed) return never;
  tick_time const at = now();
  if (at < next_trim_) return next_trim_;
  idle_one.trim_stacks();
  bool more = stacks->trim_unused();
  for (auto const& [size, pool] : odd_pools_) more = pool->trim_unused() || more;
  if (!more) next_trim_ = at + trim_period;
  return more ? at : next_trim_;
}

void core::interrupt_driver() noexcept {
  driver_.get().interrupt();
}

driver& core::make_io_driver(std::unique_ptr<driver> (*make)()) {
  std::lock_guard lock(driver_change_);
  if (io_driver_ == nullptr) {
    io_driver_ = make();
    driver_.change_to(*io_driver_);
  }
  return *io_driver_;
}

// --- the monitor: keeps work, timers and readiness from being held up by one busy worker

void core::worker_awake() noexcept {
  if (!parallel) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);  // against sleep_monitor
  if (monitor_state_.load(std::memory_order_seq_cst) != monitor_sleeps) return;
  std::uint32_t expected = monitor_sleeps;
  if (monitor_state_.compare_exchange_strong(expected, monitor_ticks, std::memory_order_seq_cst)) {
    futex_wake(&monitor_state_, 1);
  }
}

void core::sleep_monitor() noexcept {
  std::uint32_t expected = monitor_ticks;
  if (!monitor_state_.compare_exchange_strong(expected, monitor_sleeps,
                                              std::memory_order_seq_cst)) {
    return;
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);  // against worker_awake
  if (!all_asleep()) {
    expected = monitor_sleeps;
    monitor_state_.compare_exchange_strong(expected, monitor_ticks, std::memory_order_seq_cst);
    return;
  }
  while (monitor_state_.load(std::memory_order_seq_cst) == monitor_sleeps) {
    futex_wait(&monitor_state_, monitor_sleeps, steady_time::max());
  }
}

// `seen`, `looks`: room for a number of each worker.
void core::monitor_main(std::vector<std::uint64_t>& seen,
                        std::vector<std::uint64_t>& looks) noexcept {
  name_this_thread(options.name, "mon");
  tick_time period = monitor_period;
  tick_time idle_for = 0;
  bool even_tick = false;
  while (monitor_state_.load(std::memory_order_seq_cst) != monitor_ends) {
    futex_wait(&monitor_state_, monitor_ticks,
               std::chrono::steady_clock::now() + std::chrono::nanoseconds(period));
    changes const since = changes_since(seen);
    idle_for = since.any_chose ? 0 : idle_for + period;
    if (since.stuck) {
      period = monitor_period;
    } else {
      // Halved only: a worker that is seldom awake is met awake now and then.
      period = since.awake_chose ? std::max(period / 2, monitor_period)
                                 : std::min(2 * period, longest_monitor_period);
    }
    even_tick = !even_tick;
    if (!all_asleep()) {
      if (even_tick) ask_for_looks(looks);
      if (idle.sleeping() != 0 && (since.stuck || anything_late())) wake(idle.pick_any_sleeper());
    } else if (idle_for >= idle_before_monitor_sleeps) {
      sleep_monitor();
      period = monitor_period;
      idle_for = 0;
    }
  }
}

// What the workers have done since the tick before.
core::changes core::changes_since(std::vector<std::uint64_t>& seen) const noexcept {
  changes found;
  for (unsigned i = 0; i < workers.size(); ++i) {
    std::uint64_t const choices = workers[i]->choices.get();
    bool const chose = choices != std::exchange(seen[i], choices);
    found.any_chose = found.any_chose || chose;
    found.awake_chose = found.awake_chose || (chose && !idle.sleeps(i));
    found.stuck = found.stuck || (!chose && workers[i]->has_work());
  }
  return found;
}

// Asks workers that have not looked around since the last time, for their choices take long.
void core::ask_for_looks(std::vector<std::uint64_t>& seen) noexcept {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    std::uint64_t const looks = workers[i]->looks.get();
    if (looks != std::exchange(seen[i], looks)) continue;
    workers[i]->look_is_due.store(true, std::memory_order_relaxed);
  }
}

// Whether a timer or the driver has waited for some ticks while a worker sleeps.
bool core::anything_late() noexcept {
  tick_time const at = now();
  if (next_timer() < at) return true;
  bool const nobody_polls = sleep_deadline_.load(std::memory_order_seq_cst) == nobody_waits &&
                            at - last_poll_.load(std::memory_order_relaxed) > 2 * monitor_period;
  return nobody_polls && driver_.get().has_sources();
}

}  // namespace ramie::detail
