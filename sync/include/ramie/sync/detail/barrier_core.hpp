// All of a barrier but its completion function. The protocol: sync/DESIGN.md#barrier.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_policy.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

template <class A>
class basic_barrier_core {
 public:
  constexpr explicit basic_barrier_core(std::ptrdiff_t expected) noexcept
      : state_(static_cast<std::uint64_t>(expected) << 1), expected_(expected) {}
  basic_barrier_core(basic_barrier_core const&) = delete;
  basic_barrier_core& operator=(basic_barrier_core const&) = delete;

  struct arrival {
    std::uint64_t phase;
    bool last;  // The caller must call `complete`.
  };
  arrival arrive(std::ptrdiff_t n) noexcept {
    std::uint64_t const count = static_cast<std::uint64_t>(n) << 1;
    std::uint64_t const before = state_.fetch_sub(count, A::order("B1", std::memory_order_acq_rel));
    return {before & 1, before >> 1 == static_cast<std::uint64_t>(n)};
  }
  /// One less from the next phase on. Followed by the arrival that says so.
  void drop() noexcept { expected_.fetch_sub(1, std::memory_order_relaxed); }
  /// Begins the next phase and wakes everybody who waits for it.
  void complete() noexcept;
  /// `unparked`: the phase has ended.
  wake wait(std::uint64_t phase, interruptible mode) noexcept;

 private:
  typename A::lock lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
  // How many arrivals the phase still needs, << 1, | the phase's parity: waits are for this phase
  // or the last. The parity changes under lock_, and waiters look at it there: so whoever completed
  // a phase is done with *this when a wait for it returns.
  // acquire and release [B1] in arrive, release [B2] in complete: what was done before an arrival
  // is visible to the completion, and what that did to the next phase.
  typename A::template atomic<std::uint64_t> state_;
  // How many arrivals each phase needs. relaxed: changed before [B1] publishes it, read after it.
  typename A::template atomic<std::ptrdiff_t> expected_;
};

template <class A>
void basic_barrier_core<A>::complete() noexcept {
  basic_resume_list<A> claimed;
  {
    std::lock_guard const guard(lock_);
    auto const expected = static_cast<std::uint64_t>(expected_.load(std::memory_order_relaxed));
    std::uint64_t const phase = state_.load(std::memory_order_relaxed) & 1;
    state_.store(expected << 1 | (phase ^ 1), A::order("B2", std::memory_order_release));
    claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

template <class A>
wake basic_barrier_core<A>::wait(std::uint64_t phase, interruptible mode) noexcept {
  lock_.lock();
  if ((state_.load(std::memory_order_relaxed) & 1) != phase) {  // relaxed: changes under lock_
    lock_.unlock();
    return wake::unparked;
  }
  typename A::waiter self;
  basic_wait_node<A> node(self);
  queue_.push_back(node);
  return park_linked(queue_, node, lock_, {"barrier", this}, steady_time::max(), mode);
}

extern template class basic_barrier_core<std_wait_policy>;
using barrier_core = basic_barrier_core<std_wait_policy>;

}  // namespace ramie::detail
