// Fibers in and out: from a record to a run queue, and from a finished fiber to its joiner.
#include <ramie/sched/detail/spawn.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <ramie/fiber/assert.hpp>
#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/detail/fiber_group.hpp>
#include <ramie/sched/runtime.hpp>

#include "blocking_pool.hpp"
#include "core.hpp"
#include "fiber_ids.hpp"
#include "fiber_locals.hpp"
#include "identity.hpp"
#include "wake_path.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

namespace {

// Each time a thread that hands work in has so many more queued than an inbox has room for, it
// offers its processor to others: where it shares it with the worker that it waits for, what is
// queued would else grow for all of the thread's time slice, to what is in no cache.
constexpr std::size_t patient_senders_lead = 1024;

[[noreturn]] void refuse(std::errc why, const char* what) {
  throw std::system_error(std::make_error_code(why), what);
}

// What every new fiber begins with.
fiber_record& furnish(fiber_record& fiber, fiber_options const& wanted, std::uint64_t id) noexcept {
  fiber.starts_pinned = wanted.pinned;
  fiber.float_modes.copy_from_caller();
  fiber.cancel.reset();
  fiber.name.assign(wanted.name);
  fiber.state.store(fiber_state::ready, std::memory_order_relaxed);
  // release: from here on the registry's walkers may cancel it.
  fiber.id.store(id, std::memory_order_release);
  return fiber;
}

// False: the deadline has come first.
bool wait_for_end(fiber_record& fiber, steady_time deadline, interruptible mode) {
  if (fiber.join.done()) return true;  // and so not the caller
  waiter self;
  parker const& caller = waiter_access::owner_of(self);
  if (&fiber == &caller || (!caller.is_fiber && &fiber == current_record())) {
    refuse(std::errc::resource_deadlock_would_occur, "ramie: a fiber that joins itself");
  }
  if (fiber.pool->in_forked_child()) {
    refuse(std::errc::operation_not_permitted,
           "ramie: join in a forked child: its runtime's threads stayed with the parent");
  }
  if (!fiber.join.await(&self)) return true;
  wake const how = self.park_until({"join", &fiber}, deadline, mode);
  if (how == wake::unparked || !fiber.join.withdraw(&self)) return true;
  if (how == wake::cancelled) throw_interruption();
  return false;
}

}  // namespace

// --- in

stack_pool& core::odd_stacks(std::size_t size) {
  std::lock_guard lock(odd_mutex_);
  std::unique_ptr<stack_pool>& pool = odd_pools_[size];
  if (pool == nullptr) pool = std::make_unique<stack_pool>(size);
  return *pool;
}

fiber_record& core::acquire(fiber_options const& wanted, bool may_wait) {
  if (in_forked_child()) {
    refuse(std::errc::operation_not_permitted,
           "ramie: spawn in a forked child: its runtime's threads stayed with the parent");
  }
  worker_thread* const thread = current_worker_thread();
  bool const inside = thread != nullptr && &thread->home() == this;
  bool const with_care = !inside || limit_.limited() || wanted.stack_size != 0 ||
                         (thread->current() != nullptr && thread->current()->locals != nullptr);
  if (with_care) return acquire_with_care(wanted, may_wait, inside);
  worker& here = thread->works_on();
  fiber_record& fiber = *here.take_record();
  fiber.odd_stacks = nullptr;
  here.spawned.add_one();
  return furnish(fiber, wanted, here.new_id());
}

// From outside, or in the several steps that may wait or fail.
fiber_record& core::acquire_with_care(fiber_options const& wanted, bool may_wait, bool inside) {
  if (!inside && !gate_.enter()) {
    refuse(std::errc::operation_not_permitted, "ramie: spawn on a runtime that has ended");
  }
  fiber_record* fiber = nullptr;
  bool placed = false;
  stack_pool* odd = nullptr;
  worker* here = nullptr;
  try {
    if (may_wait) {
      limit_.take();
    } else if (!limit_.try_take()) {
      refuse(std::errc::resource_unavailable_try_again, "ramie: post while max_fibers live");
    }
    placed = true;
    if (wanted.stack_size != 0) {
      std::size_t const size = round_stack_size(wanted.stack_size);
      if (size != stacks->size()) {
        stack_pool& pool = odd_stacks(size);
        pool.reserve(1);
        odd = &pool;
      }
    }
    here = worker_here(*this);  // waiting for a place may have moved the caller
    fiber = here != nullptr ? here->take_record() : records->take();
    fiber_record* const parent = current_record();
    if (parent != nullptr && parent->locals != nullptr) {
      inherit_locals(*parent, *fiber);
      here = worker_here(*this);  // copying a value is user code, and may wait
    }
  } catch (...) {
    if (fiber != nullptr) free_record(*fiber);
    if (odd != nullptr) odd->unreserve(1);
    if (placed) limit_.give();
    if (!inside) undone_.fetch_add(1, std::memory_order_release);
    throw;
  }
  fiber->odd_stacks = odd;
  if (inside) here->spawned.add_one();
  return furnish(*fiber, wanted, here != nullptr ? here->new_id() : draw_id());
}

void core::return_unused(fiber_record& fiber) noexcept {
  destroy_locals(fiber);
  if (fiber.odd_stacks != nullptr) fiber.odd_stacks->unreserve(1);
  free_record(fiber);
  limit_.give();
  undone_.fetch_add(1, std::memory_order_release);
}

void core::launch(fiber_record& fiber) noexcept {
  // acquire: with it come records->ending, and so what its end means to whoever waits for it.
  if (stopping.load(std::memory_order_acquire)) fiber.cancel.request();
  if (worker* const here = worker_here(*this)) return here->push_fresh(fiber);
  std::size_t const ahead = hand_in(fiber);
  if (ahead != 0 && ahead % patient_senders_lead == 0 && current_worker_thread() == nullptr) {
    std::this_thread::yield();
  }
}

// To a random worker among those that run. Threads start in the order of their workers, as the
// lowest sleeper is picked first.
std::size_t core::hand_in(fiber_record& fiber) noexcept {
  std::uint64_t const drawn = random_state_.load(std::memory_order_relaxed);
  random_state_.store(drawn + 0x9E3779B97F4A7C15ULL, std::memory_order_relaxed);
  auto const target =
      static_cast<unsigned>(((drawn >> 32) * std::max(1U, roster.started_workers())) >> 32);
  visit_count::visit const staying(visits_);
  std::size_t const ahead = workers[target]->mail().push(&fiber);
  int picked = idle.pick_worker(target);
  if (picked < 0 && parallel) picked = idle.pick_sleeper_to_wake();
  wake(picked);
  return ahead;
}

void core::schedule(fiber_record& fiber, placement where) noexcept {
  make_ready(fiber, *this, where, worker_here(*this));
}

void core::schedule_pinned(fiber_record& fiber) noexcept {
  worker_thread& owner = *fiber.pinned_to;
  visit_count::visit const staying(visits_);
  owner.pinned().push_back(&fiber);
  if (&owner != current_worker_thread()) owner.notify();
}

// --- out

bool is_own_cancellation(fiber_record const& self, std::exception_ptr const& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (cancelled const&) {
    return counts_as_cancelled(self);
  } catch (...) {
    return false;
  }
}

void drop_detached(fiber_record& self) noexcept {
  std::exception_ptr const thrown = std::exchange(self.exception, nullptr);
  self.operations->drop_result(self);
  if (self.group != nullptr) return self.group->finished(self, thrown);
  if (thrown == nullptr || is_own_cancellation(self, thrown)) return;
  char name[32];
  self.name.copy_to(name);
  std::uint64_t const id = self.id.load(std::memory_order_relaxed);
  cancellation_shield const uninterrupted;  // a handler that waits is not to throw
  if (auto const& handler = self.pool->on_unhandled_exception) {
    handler({thrown, name, id});
    return;
  }
  std::fprintf(stderr, "ramie: unhandled exception in detached fiber %llu \"%s\"\n",
               static_cast<unsigned long long>(id), name);
  std::rethrow_exception(thrown);  // out of a noexcept function: std::terminate says what it was
}

void core::settle(fiber_record& fiber, join_word::finish how, worker* here) noexcept {
  limit_.give();  // before the end can be seen by a joiner, who finds the place free then
  fiber.state.store(fiber_state::finished, std::memory_order_relaxed);
  fiber.stack = nullptr;
  if (how.detached) {
    fiber_group* const group = fiber.group;
    free_record(fiber);
    if (group != nullptr) group->leave();
    return;
  }
  auto* const waiting = static_cast<waiter*>(how.waiter);
  bool const won = waiting != nullptr && waiting->claim();
  fiber.join.end_finish();
  if (!won) return;
  parker& joiner = waiter_access::owner_of(*waiting);
  if (here == nullptr || !joiner.is_fiber) return waiting->resume();
  auto& resumed = static_cast<fiber_record&>(joiner);
  core& home = *resumed.home;
  if (!resumed.word.release(waiter_access::episode_of(*waiting))) return;
  // Behind those that are ready: by its turn others that it joins may have ended too.
  placement const where = here->has_ready() ? placement::queue : placement::next;
  make_ready(resumed, home, where, &home == this ? here : nullptr);
}

void core::count_finished(worker& on) noexcept {
  on.finished.add_one();
  tell_drained();
}

void core::count_finished_outside() noexcept {
  undone_.fetch_add(1, std::memory_order_release);
  tell_drained();
}

void core::tell_drained() noexcept {
  if (!stopping.load(std::memory_order_relaxed)) return;
  std::lock_guard lock(drained_mutex_);
  drained_.notify_all();
}

void free_record(fiber_record& fiber) noexcept {
  fiber.state.store(fiber_state::free, std::memory_order_relaxed);
  fiber.id.store(0, std::memory_order_relaxed);
  fiber.exception = nullptr;
  fiber.outcome_kind = task_outcome::none;
  fiber.pinned_to = nullptr;
  fiber.pins = 0;
  fiber.bounds = {};
  fiber.group = nullptr;
  std::construct_at(&fiber.join);
  // The runtime may have ended before the handle; the pool is there as long as the record.
  worker_thread* const here = current_worker_thread();
  if (here != nullptr && here->home().records.get() == fiber.pool) {
    return here->works_on().give_record(fiber);
  }
  fiber.pool->give(&fiber);
}

// --- what the templates call

fiber_record& acquire_record(core& runtime, fiber_options const& options, bool may_wait) {
  return runtime.acquire(options, may_wait);
}

void return_unused_record(fiber_record& fiber) noexcept {
  fiber.home->return_unused(fiber);
}

void launch(fiber_record& fiber, bool detached) noexcept {
  if (detached) fiber.join.begin_detached();
  fiber.home->launch(fiber);
}

void launch_blocking(fiber_record& job) {
  try {
    job.home->blocking.submit(job);
  } catch (...) {
    job.operations->discard(job);
    job.operations->drop_result(job);
    return_unused_record(job);
    throw;
  }
}

void join_fiber(fiber_record& fiber, interruptible mode) {
  if (!wait_for_end(fiber, steady_time::max(), mode)) RAMIE_UNREACHABLE("a join timed out");
}

bool wait_fiber(fiber_record& fiber, steady_time deadline) {
  return wait_for_end(fiber, deadline, interruptible::yes);
}

void detach_fiber(fiber_record& fiber) noexcept {
  if (fiber.join.detach()) return;
  drop_detached(fiber);
  free_record(fiber);
}

void abandon_fiber(fiber_record& fiber) noexcept {
  if (&fiber == current_record()) return detach_fiber(fiber);  // it can't wait for itself
  if (!fiber.join.done()) {
    if (fiber.pool->in_forked_child()) return;  // it never ends here
    cancel_fiber(fiber);
  }
  join_fiber(fiber, interruptible::no);
  fiber.operations->drop_result(fiber);
  free_record(fiber);
}

}  // namespace ramie::detail
