#include "core.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <ramie/fiber/assert.hpp>
#include <ramie/fiber/context.hpp>
#include <ramie/fiber/overflow.hpp>
#include <ramie/sched/detail/futex.hpp>

#include "available_cpus.hpp"
#include "futex_driver.hpp"
#include "identity.hpp"
#include "quiet_thread.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

namespace {

constexpr unsigned max_workers = 1024;

std::mutex default_driver_mutex;
driver_factory default_driver;  // under the mutex

std::unique_ptr<driver> make_first_driver(runtime_options const& options) {
  if (options.make_driver) return options.make_driver();
  std::unique_lock lock(default_driver_mutex);
  driver_factory const make = default_driver;
  lock.unlock();
  return make ? make() : std::make_unique<futex_driver>();
}

bool describe_running_fiber(running_fiber& out) noexcept {
  fiber_record* const self = current_record();
  if (self == nullptr || self->stack == nullptr) return false;
  self->name.copy_to(out.name);
  out.id = self->id.load(std::memory_order_relaxed);
  stack_pool& pool = stacks_of(*self);
  out.low = pool.low(self->stack);
  out.top = self->stack;
  return true;
}

void prepare_process() {
  static std::once_flag once;
  std::call_once(once, [] {
    require_no_shadow_stack();
    ::pthread_atfork(nullptr, nullptr, [] {
      fork_epoch.fetch_add(1, std::memory_order_relaxed);
      worker_thread::leave_runtime_in_child();
    });
  });
  install_overflow_handler(&describe_running_fiber);
}

runtime_options checked(runtime_options options) {
  auto const refuse = [](std::string const& what) {
    throw std::invalid_argument("ramie: " + what);
  };
  if (options.workers > max_workers) {
    refuse("runtime_options::workers is " + std::to_string(options.workers) + ", at most 1024");
  }
  if (options.stack_size > max_stack_size) {
    refuse("runtime_options::stack_size is " + std::to_string(options.stack_size) +
           ", at most 1 GiB");
  }
  if (options.max_blocking_threads == 0) refuse("runtime_options::max_blocking_threads is 0");
  if (options.blocking_keep_alive.count() < 0) {
    refuse("runtime_options::blocking_keep_alive is negative");
  }
  if (options.stall_threshold.count() <= 0) {
    refuse("runtime_options::stall_threshold is not positive");
  }
  if (options.workers == 0) options.workers = available_cpus();
  if (options.stack_size == 0) options.stack_size = runtime_options{}.stack_size;
  options.stack_size = round_stack_size(options.stack_size);
  while (options.seed == 0) options.seed = std::random_device{}() | std::uint64_t{1} << 32;
  return options;
}

}  // namespace

std::atomic<unsigned> fork_epoch{0};

core::core(runtime_options given)
    : options(checked(std::move(given))),
      parallel(options.workers > 1),
      stacks(std::make_unique<stack_pool>(options.stack_size)),
      records(std::make_unique<record_pool>(*this, *stacks, options.on_unhandled_exception)),
      idle(options.workers),
      roster(*this, options.blocking_keep_alive),
      blocking(*this, options.max_blocking_threads, options.blocking_keep_alive),
      sections(options.max_blocking_threads, "blocking: max_blocking_threads running"),
      random_state_(options.seed),
      limit_(options.max_fibers, "spawn: max_fibers live"),
      first_driver_(make_first_driver(options)),
      driver_(*first_driver_),
      fork_epoch_(current_fork_epoch()) {
  prepare_process();
  stacks->add_slack(stack_cache::capacity * options.workers);
  for (unsigned i = 0; i < options.workers; ++i) {
    workers.push_back(
        std::make_unique<worker>(*this, i, options.seed * (2 * std::uint64_t{i} + 1)));
    // A worker that never had a thread is one that sleeps: waking it starts one.
    idle.announce_sleep(i, false);
  }
}

core::~core() = default;

void core::start() {
  int const first = idle.pick_worker(0);
  RAMIE_ASSERT(first == 0);
  roster.wake(*workers[0]);
  if (!parallel) return;
  try {
    std::vector<std::uint64_t> const none(workers.size());
    monitor_ = start_quiet_thread(
        [this, seen = none, looks = none]() mutable { monitor_main(seen, looks); });
  } catch (...) {
    workers_end.store(true, std::memory_order_seq_cst);
    roster.end();
    throw;
  }
}

// --- the end

bool core::no_fiber_left() const noexcept {
  // In this order: see spawn_gate.hpp.
  std::uint64_t ended = undone_.load(std::memory_order_acquire);
  for (auto const& each : workers) ended += each->finished.get();
  std::uint64_t begun = gate_.entered();
  for (auto const& each : workers) begun += each->spawned.get();
  return begun == ended;
}

// Under stop_mutex_. Fills `to_stop` from its begin with sources that are still to be asked to
// stop: that runs callbacks of users, and so comes after. What finds no room has its turn in the
// next round.
void core::cancel_all(std::span<std::optional<std::stop_source>> to_stop) noexcept {
  records->for_each([&](fiber_record& fiber) {
    // acquire: pairs with the release in core::acquire, after which the record may be cancelled.
    if (fiber.id.load(std::memory_order_acquire) == 0) return;
    request_cancel(fiber);
    if (to_stop.empty()) return;
    std::stop_source source = stop_source_of(fiber);
    if (!source.stop_possible() || source.stop_requested()) return;
    to_stop.front() = std::move(source);
    to_stop = to_stop.subspan(1);
  });
}

// Cancels until nobody is left: also those that were born, or let out of a shield, meanwhile.
bool core::drain(steady_time deadline) noexcept {
  constexpr std::chrono::milliseconds between_rounds{10};
  {
    std::lock_guard const guard(stop_mutex_);
    if (ended_) return true;
    records->ending.store(true, std::memory_order_release);
  }
  stopping.store(true, std::memory_order_seq_cst);
  gate_.close();
  while (!no_fiber_left()) {
    std::array<std::optional<std::stop_source>, 64> to_stop;
    {
      std::lock_guard const guard(stop_mutex_);
      if (ended_) return true;
      cancel_all(to_stop);
    }
    for (auto& each : to_stop) {
      if (each) each->request_stop();
    }
    auto const now = std::chrono::steady_clock::now();
    if (now >= deadline) return no_fiber_left();
    std::unique_lock lock(drained_mutex_);
    drained_.wait_until(lock, std::min(deadline, now + between_rounds),
                        [this] { return no_fiber_left(); });
  }
  return true;
}

std::vector<unfinished_fiber> core::unfinished() {
  std::vector<unfinished_fiber> list;
  name_live(list);
  if (!list.empty()) return list;
  // All have ended, or some thread is about to spawn one that has no record yet: what that inherits
  // is copied by user code.
  constexpr std::chrono::milliseconds last_steps{10};
  std::unique_lock lock(drained_mutex_);
  if (drained_.wait_for(lock, last_steps, [this] { return no_fiber_left(); })) return list;
  list.push_back({0, "", "starting", ""});
  return list;
}

void core::name_live(std::vector<unfinished_fiber>& list) {
  std::lock_guard const guard(stop_mutex_);
  if (ended_) return;
  records->for_each([&](fiber_record& fiber) {
    std::uint64_t const id = fiber.id.load(std::memory_order_acquire);
    if (id == 0) return;
    char name[32];
    fiber.name.copy_to(name);
    switch (fiber.state.load(std::memory_order_relaxed)) {
      case fiber_state::ready:
        return list.push_back({id, name, "ready", {}});
      case fiber_state::running:
        return list.push_back({id, name, "running", {}});
      case fiber_state::blocking:
        return list.push_back({id, name, "blocking", {}});
      case fiber_state::parked: {
        const char* const reason = fiber.reason.load(std::memory_order_relaxed);
        return list.push_back({id, name, "parked", reason != nullptr ? reason : ""});
      }
      case fiber_state::free:
      case fiber_state::finished:
        return;
    }
  });
}

bool core::stop_by(steady_time deadline) noexcept {
  if (!drain(deadline)) return false;
  end_threads();
  return true;
}

void core::end_threads() noexcept {
  std::lock_guard const guard(stop_mutex_);
  if (std::exchange(ended_, true)) return;
  visits_.await_none();
  if (monitor_.joinable()) {
    monitor_state_.store(monitor_ends, std::memory_order_seq_cst);
    futex_wake(&monitor_state_, 1);
    monitor_.join();
  }
  workers_end.store(true, std::memory_order_seq_cst);
  roster.end();
  for (auto const& each : workers) each->clear_caches();
  blocking.stop();
  record_pool::retire(std::exchange(records, nullptr));
  odd_pools_.clear();
  stacks.reset();
  if (keeps_driver) return driver_.get().resume_ready();
  io_driver_.reset();
  first_driver_.reset();
}

runtime_metrics core::metrics() const {
  runtime_metrics all;
  all.workers = options.workers;
  all.workers_started = roster.started_workers();
  all.backup_threads = roster.backup_threads();
  unsigned const not_started = all.workers - all.workers_started;
  unsigned const sleeping = idle.sleeping();
  all.workers_sleeping = sleeping > not_started ? sleeping - not_started : 0;
  all.finished = undone_.load(std::memory_order_acquire);
  for (auto const& each : workers) all.finished += each->finished.get();
  all.spawned = gate_.entered();
  for (auto const& each : workers) {
    all.spawned += each->spawned.get();
    all.switches += each->choices.get();
    all.steals += each->steals.get();
    all.queued += each->queued() + (each->mail().empty() ? 0 : 1);
    all.queue_samples += each->queue_samples.get();
    all.queue_time_total += std::chrono::nanoseconds(each->queue_time.get());
    all.queue_time_max =
        std::max(all.queue_time_max, std::chrono::nanoseconds(each->queue_time_max.get()));
  }
  all.blocking_threads = blocking.threads();
  all.live_fibers = all.spawned - all.finished;
  all.wakeups_sent = wakeups_sent_.load(std::memory_order_relaxed);
  all.polls = polls_.load(std::memory_order_relaxed);
  all.timers_fired = timers_fired_.load(std::memory_order_relaxed);
  return all;
}

}  // namespace ramie::detail

void ramie::set_default_driver(driver_factory make) {
  std::lock_guard lock(detail::default_driver_mutex);
  detail::default_driver = std::move(make);
}
