// All of a latch. The protocol: sync/DESIGN.md#latch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <system_error>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_policy.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

template <class A>
class basic_latch_core {
 public:
  constexpr explicit basic_latch_core(std::ptrdiff_t expected) noexcept
      : state_(static_cast<std::uint64_t>(expected) << 1) {}
  basic_latch_core(basic_latch_core const&) = delete;
  basic_latch_core& operator=(basic_latch_core const&) = delete;

  /// Throws std::system_error and changes nothing if the count would become negative or be raised.
  void count_down(std::ptrdiff_t update);

  /// Whether the count is zero, and everybody who brought it there is done with *this.
  bool pass() noexcept;

  /// `unparked`: the count is zero.
  wake wait(interruptible mode) noexcept;

 private:
  static constexpr std::uint64_t waited_for = 1;

  typename A::lock lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
  // count << 1 | waited_for. The bit is set under lock_ while the count is not zero. With it, the
  // count comes to zero under lock_ only; whoever finds it there takes and releases the lock, so
  // that the last arrival is done with *this, and clears the bit. Without it, coming to zero is
  // the arrival's last touch.
  // release [L1] in count_down pairs with acquire [L2] in the one that brings it to zero over the
  // bit, which lock_ publishes, and with [L3] in those that find it zero; so does [L4], for those
  // that find the bit cleared: what was done before any arrival is visible after the wait.
  typename A::template atomic<std::uint64_t> state_;
};

template <class A>
void basic_latch_core<A>::count_down(std::ptrdiff_t update) {
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  std::uint64_t const difference = static_cast<std::uint64_t>(update) << 1;
  for (;;) {
    if (update < 0 || (seen & ~waited_for) < difference) {
      throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                              "latch::count_down");
    }
    if (seen - difference == waited_for) break;
    if (state_.compare_exchange_weak(seen, seen - difference,
                                     A::order("L1", std::memory_order_release),
                                     std::memory_order_relaxed)) {
      return;
    }
  }
  // Somebody waits, and this is the last arrival.
  basic_resume_list<A> claimed;
  {
    std::lock_guard const guard(lock_);
    state_.fetch_sub(difference, A::order("L2", std::memory_order_acquire));
    claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

template <class A>
bool basic_latch_core<A>::pass() noexcept {
  std::uint64_t const seen = state_.load(A::order("L3", std::memory_order_acquire));
  if (seen > waited_for) return false;
  if (seen == waited_for) {
    { std::lock_guard const guard(lock_); }
    state_.store(0, A::order("L4", std::memory_order_release));  // for those that find it so
  }
  return true;
}

template <class A>
wake basic_latch_core<A>::wait(interruptible mode) noexcept {
  if (pass()) return wake::unparked;
  lock_.lock();
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  // relaxed: the bit publishes nothing; the queue is read under lock_.
  while (seen > waited_for &&
         !state_.compare_exchange_weak(seen, seen | waited_for, std::memory_order_relaxed,
                                       std::memory_order_relaxed)) {
  }
  if (seen <= waited_for) {
    lock_.unlock();
    pass();
    return wake::unparked;
  }
  typename A::waiter self;
  basic_wait_node<A> node(self);
  queue_.push_back(node);
  return park_linked(queue_, node, lock_, {"latch", this}, steady_time::max(), mode);
}

extern template class basic_latch_core<std_wait_policy>;
using latch_core = basic_latch_core<std_wait_policy>;

}  // namespace ramie::detail
