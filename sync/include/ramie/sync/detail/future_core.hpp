// What those who share a result agree on: who provides it, whether it is there, and who of them is
// the last to leave. The protocol: sync/DESIGN.md#future.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_policy.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

template <class A>
class basic_future_core {
 public:
  basic_future_core() noexcept = default;
  basic_future_core(basic_future_core const&) = delete;
  basic_future_core& operator=(basic_future_core const&) = delete;

  /// One owner more; there is one from the beginning.
  void keep() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
  /// True for the last owner, which sees all that the others did.
  bool release() noexcept {
    return owners_.fetch_sub(1, A::order("F1", std::memory_order_acq_rel)) == 1;
  }

  /// If so, the result is visible.
  bool is_ready() const noexcept { return ready_.load(A::order("F2", std::memory_order_acquire)); }

  /// For whoever provides the result: true for one, who makes it ready, or undoes what was begun of
  /// it and unclaims.
  bool claim() noexcept {
    return !claimed_.exchange(true, A::order("F4", std::memory_order_acquire));
  }
  void unclaim() noexcept { claimed_.store(false, A::order("F5", std::memory_order_release)); }
  /// By an owner, who has claimed it.
  void make_ready() noexcept;

  /// `unparked`: it is ready.
  wake wait(steady_time deadline) noexcept;

 private:
  typename A::lock lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
  // [F1] acquire and release: the last owner sees all that the others did.
  typename A::template atomic<std::uint32_t> owners_{1};
  // Set under lock_, once. [F2] acquire pairs with release [F3] in make_ready: whoever finds it
  // ready sees the result.
  typename A::template atomic<bool> ready_{false};
  // Whether somebody provides the result, or has. [F4] acquire in claim pairs with release [F5] in
  // unclaim: the next one finds what was begun undone.
  typename A::template atomic<bool> claimed_{false};
};

template <class A>
void basic_future_core<A>::make_ready() noexcept {
  basic_resume_list<A> claimed;
  {
    std::lock_guard const guard(lock_);
    ready_.store(true, A::order("F3", std::memory_order_release));
    claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

template <class A>
wake basic_future_core<A>::wait(steady_time deadline) noexcept {
  if (is_ready()) return wake::unparked;
  lock_.lock();
  // relaxed: lock_ makes the result visible.
  if (ready_.load(std::memory_order_relaxed)) {
    lock_.unlock();
    return wake::unparked;
  }
  typename A::waiter self;
  basic_wait_node<A> node(self);
  queue_.push_back(node);
  return park_linked(queue_, node, lock_, {"future", this}, deadline);
}

extern template class basic_future_core<std_wait_policy>;
using future_core = basic_future_core<std_wait_policy>;

}  // namespace ramie::detail
