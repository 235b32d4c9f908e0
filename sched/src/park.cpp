#include <ramie/sched/park.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <stop_token>
#include <string>

#include <ramie/fiber/assert.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/detail/futex.hpp>
#include <ramie/sched/jthread.hpp>
#include <ramie/sched/timed_out.hpp>

#include "blocking_pool.hpp"
#include "core.hpp"
#include "identity.hpp"
#include "wake_path.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

namespace {

struct thread_parker : parker {
  thread_parker() noexcept : parker(false) {}

  // Its own; or those of the fiber that has forked this process, and goes on as this thread: open
  // scopes and shields refer to these.
  wait_bounds* bounds_in_force = &bounds;
};

[[gnu::noinline]] thread_parker& this_thread_parker() noexcept {
  // It lives as long as its thread, hence longer than any waiter that is bound to it.
  static thread_local thread_parker self;
  // The address goes through the asm: LLVM would hand it to the callers as a constant, call or not.
  thread_parker* found = &self;
  asm volatile("" : "+r"(found)::"memory");
  return *found;
}

parker& this_parker() noexcept {
  fiber_record* const fiber = current_fiber();
  if (fiber != nullptr) return *fiber;
  return this_thread_parker();
}

void sleep_thread(parker& self, std::uint64_t episode, steady_time deadline) noexcept {
  if (!self.word.commit_park(episode)) return;
  for (;;) {
    std::uint32_t const seen = self.word.futex_value();
    if (self.word.released(episode)) return;
    if (futex_wait(self.word.futex_address(), seen, deadline)) continue;
    if (self.word.claim(episode)) {
      self.outcome = wake::timed_out;
      self.word.release(episode);
      return;
    }
    deadline = steady_time::max();  // whoever won the claim is about to release
  }
}

void resume_thread(parker& owner, std::uint64_t episode) noexcept {
  // After the release the thread may be gone; a futex wake at its address is harmless then.
  void const* const address = owner.word.futex_address();
  if (owner.word.release(episode)) futex_wake(address, 1);
}

// A wait of the calling fiber that ends at `deadline` by itself.
[[gnu::noinline]] void park_timed(fiber_record& self, std::uint64_t episode, steady_time deadline,
                                  worker_thread& here, waiter& who) noexcept {
  tick_time const due = deadline.time_since_epoch().count();
  if (here.works_on().may_be_past(due) && due <= self.home->now()) {
    if (who.claim(wake::timed_out)) return who.resume();
    return here.park(self, episode);
  }
  timer_wheel& timers = here.works_on().timers;
  timers.add(self, episode, due);
  here.park(self, episode);
  if (self.outcome != wake::timed_out) timers.note_ended();
}

/// Whether the caller's cancellation is to be delivered now.
bool cancellation_due() noexcept {
  fiber_record* const self = current_record();
  return self != nullptr && self->cancel.requested() && current_bounds().shields == 0;
}

}  // namespace

wait_bounds& current_bounds() noexcept {
  fiber_record* const fiber = current_fiber();
  return fiber != nullptr ? fiber->bounds : *this_thread_parker().bounds_in_force;
}

void obey_bounds_of(fiber_record& forked) noexcept {
  this_thread_parker().bounds_in_force = &forked.bounds;
}

steady_time clock_now() noexcept {
  fiber_record* const fiber = current_fiber();
  if (fiber == nullptr) return std::chrono::steady_clock::now();
  return steady_time(steady_time::duration(fiber->home->now()));
}

void check_interrupted() {
  // While an exception unwinds the stack another one would end the program.
  if (std::uncaught_exceptions() != 0) return;
  steady_time const bound = current_bounds().deadline;
  if (cancellation_due() || (bound != steady_time::max() && clock_now() >= bound)) {
    throw_interruption();
  }
}

void cancel_wait(fiber_record& fiber, std::uint64_t episode) noexcept {
  if (!fiber.word.claim(episode)) return;
  // Only now is it sure that the record is still that fiber's.
  core& home = *fiber.home;
  fiber.outcome = wake::cancelled;
  if (fiber.word.release(episode)) home.schedule(fiber, placement::queue);
}

void request_cancel(fiber_record& fiber) noexcept {
  fiber.cancel.request();
  std::uint64_t episode = 0;
  if (fiber.word.parked(episode) && fiber.interruptible_now.load(std::memory_order_relaxed)) {
    cancel_wait(fiber, episode);
  }
  if (blocking_pool::withdraw(fiber)) fiber.home->launch(fiber);
}

std::stop_source stop_source_of(fiber_record& fiber) noexcept {
  if (fiber.stop.load(std::memory_order_seq_cst) == nullptr) {
    return std::stop_source(std::nostopstate);
  }
  std::lock_guard const guard(fiber.stop_lock);
  std::stop_source const* const source = fiber.stop.load(std::memory_order_relaxed);
  return source != nullptr ? *source : std::stop_source(std::nostopstate);
}

void cancel_fiber(fiber_record& fiber) noexcept {
  request_cancel(fiber);
  stop_source_of(fiber).request_stop();
}

stop_registration::stop_registration(std::stop_source& source) noexcept : fiber_(current_fiber()) {
  {
    std::lock_guard const guard(fiber_->stop_lock);
    fiber_->stop.store(&source, std::memory_order_seq_cst);
  }
  if (fiber_->cancel.requested_after_commit()) source.request_stop();
}

stop_registration::~stop_registration() {
  std::lock_guard const guard(fiber_->stop_lock);
  fiber_->stop.store(nullptr, std::memory_order_seq_cst);
}

}  // namespace ramie::detail

namespace ramie {

waiter::waiter() noexcept : parker_(&detail::this_parker()), episode_(parker_->word.episode()) {}

wake waiter::park(park_reason reason, interruptible mode) noexcept {
  return park_until(reason, detail::steady_time::max(), mode);
}

wake waiter::park_until(park_reason reason, detail::steady_time deadline,
                        interruptible mode) noexcept {
  detail::worker_thread* const found =
      parker_->is_fiber ? detail::current_worker_thread() : nullptr;
  if (found == nullptr) return park_thread(deadline, mode);
  detail::worker_thread& here = *found;
  auto& self = static_cast<detail::fiber_record&>(*parker_);
  // While an exception unwinds the stack another one would end the program.
  bool const may_throw = mode == interruptible::yes && here.uncaught_exceptions() == 0;
  bool const may_cancel = may_throw && self.bounds.shields == 0;
  self.interruptible_now.store(may_cancel, std::memory_order_relaxed);
  if (may_cancel && self.cancel.requested()) [[unlikely]]
    detail::cancel_wait(self, episode_);
  bool const by_scope = may_throw && self.bounds.deadline < deadline;
  if (by_scope) deadline = self.bounds.deadline;
  if (!self.word.released(episode_)) {
    self.reason.store(reason.what, std::memory_order_relaxed);
    self.reason_object.store(reason.object, std::memory_order_relaxed);
    if (deadline == detail::steady_time::max()) {
      here.park(self, episode_);
    } else {
      detail::park_timed(self, episode_, deadline, here, *this);
    }
  }
  return by_scope && self.outcome == wake::timed_out ? wake::cancelled : self.outcome;
}

wake waiter::park_thread(detail::steady_time deadline, interruptible mode) noexcept {
  bool const may_throw = mode == interruptible::yes && std::uncaught_exceptions() == 0;
  detail::steady_time const bound = detail::current_bounds().deadline;
  bool const by_scope = may_throw && bound < deadline;
  detail::sleep_thread(*parker_, episode_, by_scope ? bound : deadline);
  return by_scope && parker_->outcome == wake::timed_out ? wake::cancelled : parker_->outcome;
}

bool waiter::claim(wake outcome) noexcept {
  if (!parker_->word.claim(episode_)) return false;
  parker_->outcome = outcome;
  return true;
}

void waiter::resume(placement where) noexcept {
  if (!parker_->is_fiber) {
    detail::resume_thread(*parker_, episode_);
    return;
  }
  auto& fiber = static_cast<detail::fiber_record&>(*parker_);
  detail::core& home = *fiber.home;
  if (fiber.word.release(episode_)) {
    detail::make_ready(fiber, home, where, detail::worker_here(home));
  }
}

park_reason waiter::reason() const noexcept {
  if (!parker_->is_fiber) return {"?", nullptr};
  auto const& fiber = static_cast<detail::fiber_record const&>(*parker_);
  return {fiber.reason.load(std::memory_order_relaxed),
          fiber.reason_object.load(std::memory_order_relaxed)};
}

void throw_interruption() {
  if (detail::cancellation_due()) throw cancelled{};
  throw timed_out();
}

std::error_code interruption_code() {
  if (detail::cancellation_due()) throw cancelled{};
  return std::make_error_code(std::errc::timed_out);
}

timed_out::timed_out(std::string const& what)
    : std::system_error(std::make_error_code(std::errc::timed_out), what) {}

}  // namespace ramie
