#include "worker_thread.hpp"

#include <pthread.h>
#include <sched.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include <ramie/fiber/assert.hpp>
#include <ramie/fiber/overflow.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/detail/futex.hpp>
#include <ramie/sched/detail/spawn.hpp>

#include "available_cpus.hpp"
#include "core.hpp"
#include "fiber_locals.hpp"
#include "identity.hpp"
#include "quiet_thread.hpp"

namespace ramie::detail {

namespace {

constinit thread_local worker_thread* this_worker_thread = nullptr;

void bind_to_cpu(unsigned index) noexcept {
  cpu_set_t const allowed = process_cpus();
  unsigned const count = static_cast<unsigned>(CPU_COUNT(&allowed));
  if (count == 0) return;
  unsigned left = index % count;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || left-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof(one), &one);
    return;
  }
}

}  // namespace

[[gnu::noinline]] worker_thread* current_worker_thread() noexcept {
  asm volatile("" ::: "memory");
  return this_worker_thread;
}

// Never inlined, for the same reason.
[[gnu::noinline]] void set_current_worker_thread(worker_thread* self) noexcept {
  asm volatile("" ::: "memory");
  this_worker_thread = self;
}

// --- the thread

void worker_thread::start() {
  place_.end_sleep();
  os_thread_ = start_quiet_thread([this] { main(); });
}

bool worker_thread::has_left() noexcept {
  if (!os_thread_.joinable()) return true;
  if (::pthread_tryjoin_np(os_thread_.native_handle(), nullptr) != 0) return false;
  std::construct_at(&os_thread_);  // it has been joined, which std::thread doesn't know
  return true;
}

void worker_thread::join() noexcept {
  if (os_thread_.joinable()) os_thread_.join();
}

void worker_thread::main() noexcept {
  runtime_options const& options = home_.options;
  std::array<char, 12> serial;
  std::snprintf(serial.data(), serial.size(), "%u", serial_);
  name_this_thread(options.name, serial.data());
  signal_stack_.install();
  // A plain thread still, for its hook too: it may have no worker yet.
  if (options.on_worker_start) options.on_worker_start(serial_);
  set_current_worker_thread(this);
  slots_ = thread_slots::of_this_thread();
  native_.adopt_thread();
  worker const* bound_for = nullptr;
  while (home_.roster.await_worker(*this)) {
    if (options.pin_workers && std::exchange(bound_for, worker_) != worker_) {
      bind_to_cpu(worker_->index);
    }
    while (fiber_record* const next = find_work()) leave(native_, {}, next);
  }
  // From here on it is a plain thread, for its hook too: it has no worker any more to spawn on.
  set_current_worker_thread(nullptr);
  if (options.on_worker_stop) options.on_worker_stop(serial_);
  signal_stack_.uninstall();
  home_.roster.ended(*this);
}

// Null: the thread has no worker any more, or the workers end.
fiber_record* worker_thread::find_work() noexcept {
  while (worker_ != nullptr) {
    if (home_.workers_end.load(std::memory_order_seq_cst)) return nullptr;
    // Not before it has run something itself, or two that want the same would only pass it on.
    if (worker_->is_wanted.load(std::memory_order_relaxed) &&
        worker_->choices.get() != choices_when_gained_) {
      home_.roster.yield_worker(*this);
      continue;
    }
    fiber_record* found = choose_begun();
    if (found == nullptr && worker_->look_around(false)) found = choose_begun();
    if (found == nullptr && home_.parallel) {
      if (!searching_) searching_ = home_.idle.try_start_searching();
      if (searching_) found = worker_->steal();
      if (found != nullptr && found->stack == nullptr && !begin(*found)) continue;
    }
    if (found != nullptr) {
      if (std::exchange(searching_, false)) home_.stop_searching();
      return found;
    }
    if (worker_->await_mail() || home_.look_before_sleep()) continue;
    home_.idle.announce_sleep(worker_->index, std::exchange(searching_, false));
    bool const moved = !must_not_sleep() && home_.sleep(*this);
    if (moved) return nullptr;
    home_.idle.end_sleep(worker_->index);
    worker_->look_is_due.store(false, std::memory_order_relaxed);  // asked for while it slept
    searching_ = true;  // counted: by end_sleep, or by whoever picked this worker to wake it
    home_.worker_awake();
  }
  return nullptr;
}

// The look at everything between the announcement of sleep and sleep.
bool worker_thread::must_not_sleep() const noexcept {
  return pinned_.size() != 0 || worker_->is_wanted.load(std::memory_order_relaxed) ||
         home_.has_work_for(*worker_);
}

// --- sleeping

void worker_thread::notify() noexcept {
  switch (place_.notify()) {
    case sleep_place::sleeper::none:
      return;
    case sleep_place::sleeper::on_futex:
      return futex_wake(place_.futex_address(), 1);
    case sleep_place::sleeper::in_driver:
      return home_.interrupt_driver();
  }
}

bool worker_thread::sleep_on_futex(steady_time deadline) noexcept {
  for (;;) {
    std::uint32_t const seen = place_.futex_value();
    if (place_.was_notified()) return true;
    if (!futex_wait(place_.futex_address(), seen, deadline)) return place_.was_notified();
  }
}

// --- switching

// What runs next, on a stack; null: nothing here.
[[gnu::always_inline]] inline fiber_record* worker_thread::choose_begun() noexcept {
  for (;;) {
    fiber_record* const chosen = worker_->choose(pinned_);
    if (chosen == nullptr || chosen->stack != nullptr || begin(*chosen)) return chosen;
  }
}

// Gives a fiber its stack. False: there is none to be had, and the fiber has ended with that error.
bool worker_thread::begin(fiber_record& fiber) noexcept {
  stack_pool& pool = stacks_of(fiber);
  stack_top top = nullptr;
  if (fiber.odd_stacks == nullptr) {
    top = worker_->take_stack();
  } else if (pool.take(std::span(&top, 1)) == 0) {
    top = nullptr;
  }
  if (top == nullptr) {
    if (fiber.odd_stacks != nullptr) pool.unreserve(1);
    fiber_record* const interrupted = std::exchange(current_, nullptr);
    fiber.operations->discard(fiber);
    destroy_locals(fiber);  // those that it inherited
    fiber.outcome_kind = task_outcome::exception;
    fiber.exception = std::make_exception_ptr(
        std::system_error(std::make_error_code(std::errc::not_enough_memory),
                          "ramie: the kernel refused the guard page of a fiber's stack"));
    join_word::finish const how = fiber.join.begin_finish();
    if (how.detached) drop_detached(fiber);
    home_.settle(fiber, how, worker_);
    home_.count_finished(*worker_);
    current_ = interrupted;
    return false;
  }
  fiber.stack = top;
  fiber.registers.prepare(pool.low(top), static_cast<std::size_t>(top - pool.low(top)),
                          &fiber_main);
  return true;
}

[[gnu::always_inline]] inline void worker_thread::leave(context& from, after_switch const& todo,
                                                        fiber_record* next) noexcept {
  todo_.what = todo.what;
  todo_.fiber = todo.fiber;
  todo_.episode = todo.episode;
  current_ = next;
  if (next != nullptr) next->state.store(fiber_state::running, std::memory_order_relaxed);
  context::switch_to(from, next != nullptr ? next->registers : native_, slots_);
  current_worker_thread()->complete_switch();
}

[[gnu::always_inline]] inline void worker_thread::complete_switch() noexcept {
  switch (todo_.what) {
    case after_switch::kind::nothing:
      return;
    case after_switch::kind::park:
      return complete_park(*todo_.fiber, todo_.episode);
    case after_switch::kind::yield:
      todo_.fiber->state.store(fiber_state::ready, std::memory_order_relaxed);
      if (todo_.fiber->pinned_to == nullptr) return worker_->push_ready(*todo_.fiber);
      pinned_.push_back(todo_.fiber);
      return;
    case after_switch::kind::hand_in:
      home_.hand_in(*todo_.fiber);
      return;
    case after_switch::kind::finish:
      finished_.rest(todo_.stack);
      if (todo_.odd_stacks == nullptr) return worker_->give_stack(todo_.stack);
      todo_.odd_stacks->give(std::span<stack_top const>(&todo_.stack, 1));
      todo_.odd_stacks->unreserve(1);
      return;
  }
}

void worker_thread::complete_park(fiber_record& fiber, std::uint64_t episode) noexcept {
  if (!fiber.word.commit_park(episode)) return home_.schedule(fiber, placement::next);
  // From here on the fiber may run elsewhere, or be gone and its record another's: then its word
  // has left this episode, and the claim fails.
  if (fiber.cancel.requested_after_commit() &&
      fiber.interruptible_now.load(std::memory_order_relaxed)) {
    cancel_wait(fiber, episode);
  }
}

void worker_thread::park(fiber_record& self, std::uint64_t episode) noexcept {
  self.state.store(fiber_state::parked, std::memory_order_relaxed);
  leave(self.registers, {after_switch::kind::park, &self, episode}, choose_begun());
}

void worker_thread::yield(fiber_record& self) noexcept {
  fiber_record* const next = choose_begun();
  if (next == nullptr && !worker_->is_wanted.load(std::memory_order_relaxed)) return;
  leave(self.registers, {after_switch::kind::yield, &self}, next);
}

// --- blocking sections

void worker_thread::begin_section(fiber_record& self) {
  home_.roster.hand_over(*this);
  self.state.store(fiber_state::blocking, std::memory_order_relaxed);
  set_current_worker_thread(nullptr);
  name_thread_after(&self);
  wait_bounds& bounds = current_bounds();  // the thread's own now
  bounds = self.bounds;
  if (home_.options.clock && bounds.deadline != steady_time::max()) {
    // A thread waits by steady_clock.
    bounds.deadline =
        add_saturated(std::chrono::steady_clock::now(),
                      bounds.deadline.time_since_epoch() - steady_time::duration(home_.now()));
  }
}

void worker_thread::end_section(fiber_record& self) noexcept {
  current_bounds() = {};
  name_thread_after(nullptr);
  set_current_worker_thread(this);
  if (home_.roster.take_back(*this)) {
    self.state.store(fiber_state::running, std::memory_order_relaxed);
    home_.stop_searching();
    // Nobody else can run these: one section after another must not keep them waiting.
    if (pinned_.size() != 0) yield(self);
    return;
  }
  auto const how =
      self.pinned_to != nullptr ? after_switch::kind::yield : after_switch::kind::hand_in;
  leave(self.registers, {how, &self}, nullptr);
}

// --- in a forked child

void worker_thread::leave_runtime_in_child() noexcept {
  worker_thread const* const here = current_worker_thread();
  if (here == nullptr) return;
  set_current_worker_thread(nullptr);
  if (here->current_ == nullptr) return;
  name_thread_after(here->current_);
  obey_bounds_of(*here->current_);
}

// --- the life of a fiber

departure worker_thread::fiber_main() noexcept {
  worker_thread* here = current_worker_thread();
  here->complete_switch();
  for (;;) {
    fiber_record& self = *here->current_;
    run_task(self);  // user code, which may wait and migrate
    departure const last = finish(self);
    if (last.to != nullptr) return last;
    here = current_worker_thread();
  }
}

void worker_thread::run_task(fiber_record& self) noexcept {
  self.float_modes.install();
  if (self.starts_pinned) {
    self.pins = 1;
    self.pinned_to = current_worker_thread();
    ++self.pinned_to->pinned_fibers;
  }
  if (self.cancel.requested()) {
    // Cancelled before its first instruction: it never runs.
    self.operations->discard(self);
    self.outcome_kind = task_outcome::exception;
    self.exception = std::make_exception_ptr(cancelled{});
  } else {
    self.operations->run(self);
  }
  if (self.locals != nullptr) destroy_locals(self);
}

// Ends a fiber whose callable has returned: hands out its result and tells whom to leave the stack
// for; nobody: the next fiber goes on with it.
departure worker_thread::finish(fiber_record& self) noexcept {
  core& home = *self.home;
  stack_top const stack = self.stack;
  stack_pool* const odd_stacks = self.odd_stacks;
  join_word::finish const how = self.join.begin_finish();
  if (how.detached) {
    drop_detached(self);                               // user code, which may wait and migrate
    if (self.locals != nullptr) destroy_locals(self);  // that it made
  }
  worker_thread* const on = current_worker_thread();
  // In a forked child: with its only thread it ends, as it would with a thread.
  if (on == nullptr) [[unlikely]]
    std::exit(EXIT_SUCCESS);
  worker_thread& here = *on;
  if (worker_thread* const pinned_to = std::exchange(self.pinned_to, nullptr)) {
    --pinned_to->pinned_fibers;
  }
  here.finished_.continue_on(self.registers);
  here.current_ = nullptr;
  home.settle(self, how, here.worker_);
  home.count_finished(*here.worker_);
  for (;;) {
    fiber_record* const next = here.worker_->choose(here.pinned_);
    if (next != nullptr && next->stack == nullptr) {
      if (odd_stacks == nullptr && here.continue_finished(*next, stack)) return {};
      if (!here.begin(*next)) continue;
    }
    here.todo_.what = after_switch::kind::finish;
    here.todo_.stack = stack;
    here.todo_.odd_stacks = odd_stacks;
    here.current_ = next;
    if (next != nullptr) next->state.store(fiber_state::running, std::memory_order_relaxed);
    return {&here.finished_, next != nullptr ? &next->registers : &here.native_, &here.slots_};
  }
}

// A fresh fiber takes over the warm stack, of the default size, of one that has just ended: no
// switch at all.
bool worker_thread::continue_finished(fiber_record& next, stack_top stack) noexcept {
  if (built_with_tsan() || next.odd_stacks != nullptr) return false;
  next.stack = stack;
  next.registers.continue_on(finished_);
  next.state.store(fiber_state::running, std::memory_order_relaxed);
  current_ = &next;
  *slots_.error_number = 0;
  return true;
}

}  // namespace ramie::detail
