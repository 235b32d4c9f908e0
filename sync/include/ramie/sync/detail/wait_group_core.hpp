// All of a wait_group. The protocol: sync/DESIGN.md#wait-group.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>
#include <mutex>
#include <system_error>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_policy.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

template <class A>
class basic_wait_group_core {
 public:
  constexpr explicit basic_wait_group_core(std::ptrdiff_t count = 0) noexcept : count_(count) {}
  basic_wait_group_core(basic_wait_group_core const&) = delete;
  basic_wait_group_core& operator=(basic_wait_group_core const&) = delete;

  /// Throws std::system_error and changes nothing if the count would become negative or too large.
  void add(std::ptrdiff_t n);

  /// `unparked`: the count was zero.
  wake wait() noexcept;

 private:
  static std::ptrdiff_t checked_sum(std::ptrdiff_t count, std::ptrdiff_t n);
  void add_to_zero(std::ptrdiff_t n);

  typename A::lock lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
  // Not negative. It comes to zero under lock_ only, and waiters look at it under lock_ only: so
  // whoever brought it there is done with *this when a wait returns.
  // release [W1] in add pairs with acquire [W2] in the add that brings it to zero, which lock_
  // publishes: what was done before any done() is visible after the wait.
  typename A::template atomic<std::ptrdiff_t> count_;
};

/// The sum, or an exception.
template <class A>
std::ptrdiff_t basic_wait_group_core<A>::checked_sum(std::ptrdiff_t count, std::ptrdiff_t n) {
  if (n > std::numeric_limits<std::ptrdiff_t>::max() - count) {
    throw std::system_error(std::make_error_code(std::errc::value_too_large), "wait_group::add");
  }
  if (count + n < 0) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "wait_group: the count would become negative");
  }
  return count + n;
}

template <class A>
void basic_wait_group_core<A>::add(std::ptrdiff_t n) {
  std::ptrdiff_t seen = count_.load(std::memory_order_relaxed);
  for (;;) {
    std::ptrdiff_t const sum = checked_sum(seen, n);
    if (sum == 0) return add_to_zero(n);
    if (count_.compare_exchange_weak(seen, sum, A::order("W1", std::memory_order_release),
                                     std::memory_order_relaxed)) {
      return;
    }
  }
}

template <class A>
void basic_wait_group_core<A>::add_to_zero(std::ptrdiff_t n) {
  basic_resume_list<A> claimed;
  {
    std::lock_guard const guard(lock_);
    std::ptrdiff_t seen = count_.load(std::memory_order_relaxed);
    // Others may still change it without the lock, so it may not come to zero after all.
    while (!count_.compare_exchange_weak(seen, checked_sum(seen, n),
                                         A::order("W2", std::memory_order_acquire),
                                         std::memory_order_relaxed)) {
    }
    if (seen + n == 0) claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

template <class A>
wake basic_wait_group_core<A>::wait() noexcept {
  lock_.lock();
  // relaxed: it became zero under the lock.
  if (count_.load(std::memory_order_relaxed) == 0) {
    lock_.unlock();
    return wake::unparked;
  }
  typename A::waiter self;
  basic_wait_node<A> node(self);
  queue_.push_back(node);
  return park_linked(queue_, node, lock_, {"wait_group", this}, steady_time::max());
}

extern template class basic_wait_group_core<std_wait_policy>;
using wait_group_core = basic_wait_group_core<std_wait_policy>;

}  // namespace ramie::detail
