#include <ramie/sync/detail/future_state.hpp>

#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/detail/at_exit.hpp>

namespace ramie::detail {

template class basic_future_core<std_wait_policy>;

void throw_future_error(std::future_errc code) {
  throw std::future_error(code);
}

void future_state_base::retrieve() {
  if (retrieved_.exchange(true, std::memory_order_relaxed)) {
    throw_future_error(std::future_errc::future_already_retrieved);
  }
}

void future_state_base::claim() {
  if (!core_.claim()) {
    throw_future_error(std::future_errc::promise_already_satisfied);
  }
}

void future_state_base::make_ready_at_exit() {
  constexpr auto at_end = [](void* state, void*) noexcept {
    auto* const self = static_cast<future_state_base*>(state);
    self->make_ready();
    self->release();
  };
  at_exit({at_end, this, nullptr});
  keep();
}

void future_state_base::claim_until_exit() {
  claim();
  try {
    make_ready_at_exit();
  } catch (...) {
    unclaim();
    throw;
  }
}

void future_state_base::abandon() noexcept {
  if (!core_.claim()) return;
  fail(std::make_exception_ptr(std::future_error(std::future_errc::broken_promise)));
}

bool future_state_base::wait_until(steady_time deadline) {
  wake const outcome = core_.wait(deadline);
  if (outcome == wake::cancelled) throw_interruption();
  return outcome == wake::unparked;
}

void future_state_base::wait() {
  // relaxed: only one calls it; the others wait for what it makes ready.
  if (deferred_.load(std::memory_order_relaxed) &&
      deferred_.exchange(false, std::memory_order_relaxed)) {
    cancellation_shield const uninterrupted;  // What it throws is the result, for the others too.
    run();
  }
  wait_until(steady_time::max());
}

std::future_status future_state_base::wait_by(steady_time deadline) {
  if (deferred_.load(std::memory_order_relaxed)) return std::future_status::deferred;
  return wait_until(deadline) ? std::future_status::ready : std::future_status::timeout;
}

}  // namespace ramie::detail
