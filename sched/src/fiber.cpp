#include <ramie/sched/fiber.hpp>

#include <atomic>
#include <exception>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <ramie/sched/this_fiber.hpp>

#include "available_cpus.hpp"
#include "core.hpp"
#include "fiber_ids.hpp"
#include "identity.hpp"
#include "record_pool.hpp"
#include "worker_thread.hpp"

namespace ramie {

namespace detail {

bool cancel_requested_here() noexcept {
  fiber_record* const self = current_fiber();
  return self != nullptr && counts_as_cancelled(*self);
}

std::uint64_t current_id() noexcept {
  if (fiber_record* const self = current_record()) return self->id.load(std::memory_order_relaxed);
  static thread_local std::uint64_t const of_thread = draw_ids(1);
  return of_thread;
}

bool current_id_is_of_fiber() noexcept {
  return current_record() != nullptr;
}

void throw_not_joinable(const char* operation) {
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          std::string("ramie: ") + operation + " of a fiber that is not joinable");
}

bool sleep_until_steady(steady_time deadline) {
  waiter self;
  return self.park_until({"sleep", nullptr}, deadline) != wake::cancelled;
}

}  // namespace detail

void fiber::join() {
  require("join");
  detail::fiber_record* const joined = detail::handle_access::peek(handle_);
  detail::join_fiber(*joined, interruptible::no);
  detail::handle_access::release(handle_);
  // One that could not begin; what it throws itself ends the program, and a cancelled one ends so.
  std::exception_ptr failure = joined->exception;
  if (failure != nullptr && detail::is_own_cancellation(*joined, failure)) failure = nullptr;
  joined->operations->drop_result(*joined);
  detail::free_record(*joined);
  if (failure != nullptr) std::rethrow_exception(std::move(failure));
}

void fiber::detach() {
  require("detach");
  handle_.detach();
}

void fiber::cancel() {
  require("cancel");
  handle_.cancel();
}

unsigned fiber::hardware_concurrency() noexcept {
  return detail::available_cpus();
}

pin_scope::pin_scope() noexcept : fiber_(detail::current_fiber()) {
  if (fiber_ == nullptr) return;
  if (fiber_->pins++ != 0) return;
  fiber_->pinned_to = detail::current_worker_thread();
  ++fiber_->pinned_to->pinned_fibers;
}

pin_scope::~pin_scope() {
  if (fiber_ == nullptr || --fiber_->pins != 0) return;
  --fiber_->pinned_to->pinned_fibers;
  fiber_->pinned_to = nullptr;
}

namespace this_fiber {

void yield() noexcept {
  detail::worker_thread* const here = detail::current_worker_thread();
  detail::fiber_record* const self = here != nullptr ? here->current() : nullptr;
  if (self == nullptr) return std::this_thread::yield();
  here->yield(*self);
}

fiber::id get_id() noexcept {
  return fiber::id(detail::current_id());
}

std::string name() {
  detail::fiber_record* const self = detail::current_record();
  if (self == nullptr) return {};
  char text[32];
  self->name.copy_to(text);
  return text;
}

std::size_t stack_high_water() noexcept {
  detail::fiber_record* const self = detail::current_fiber();
  return self != nullptr ? detail::stacks_of(*self).high_water(self->stack) : 0;
}

void check_cancelled() {
  detail::check_interrupted();
}

}  // namespace this_fiber

int this_worker::id() noexcept {
  detail::worker_thread* const here = detail::current_worker_thread();
  return here != nullptr ? static_cast<int>(here->works_on().index) : -1;
}

}  // namespace ramie
