// One select at work. The protocol: sched/DESIGN.md#select.
#include <ramie/sched/select.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <future>
#include <span>
#include <system_error>

#include <ramie/sched/detail/selection.hpp>

#include "identity.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

namespace {

/// Of plain threads, each of which has its own row of numbers.
[[gnu::noinline]] std::uint64_t thread_random() noexcept {
  static constinit std::atomic<std::uint64_t> threads{0};
  static constexpr std::uint64_t gamma = 0x9E3779B97F4A7C15;
  // relaxed: nothing but that it differs is asked of it.
  thread_local std::uint64_t state = threads.fetch_add(1, std::memory_order_relaxed) << 32;
  return state += gamma;
}

/// Numbers to pick with: splitmix64, begun from the worker's generator, which the runtime's seed
/// determines.
class picker {
 public:
  picker() noexcept {
    worker_thread* const here = current_worker_thread();
    state_ = here != nullptr ? here->works_on().random() : thread_random();
  }

  /// Evenly from 0 to n - 1.
  std::size_t below(std::size_t n) noexcept {
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    // The upper half of the mixed number scaled down: off by less than n / 2^32.
    return static_cast<std::size_t>((mixed >> 32) * n >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace

// --- the end of a fiber

bool join_waiter::has_ended(fiber_record* fiber) {
  if (fiber == nullptr) throw std::future_error(std::future_errc::no_state);
  if (fiber == current_record()) {
    throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                            "ramie: a fiber that joins itself");
  }
  fiber_ = fiber;
  source_ = reinterpret_cast<std::uintptr_t>(fiber);
  return fiber->join.done();
}

bool join_waiter::publish(waiter& self) noexcept {
  self_ = &self;
  return fiber_->join.await(&self);
}

bool join_waiter::withdraw() noexcept {
  // Whether it has ended is looked at again.
  static_cast<void>(fiber_->join.withdraw(self_));
  return false;
}

std::size_t select_among(std::span<select_place> places, std::span<tiny_lock*> locks,
                         bool may_wait) {
  std::size_t chosen = 0;
  if (!basic_selection<tiny_lock, waiter, picker>(places, locks).run(may_wait, chosen)) {
    throw_interruption();
  }
  return chosen;
}

}  // namespace ramie::detail
