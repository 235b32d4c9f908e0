// All of a once_flag. The protocol: sync/DESIGN.md#call-once.
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
class basic_once_core {
 public:
  basic_once_core() noexcept = default;
  basic_once_core(basic_once_core const&) = delete;
  basic_once_core& operator=(basic_once_core const&) = delete;

  bool is_done() const noexcept {
    return state_.load(A::order("O1", std::memory_order_acquire)) == done;
  }
  /// True: the caller is to make the call, and then to say by `end` how it ended. False: it has
  /// been made.
  bool begin() noexcept;
  /// `made`, or as if the call had not been begun.
  void end(bool made) noexcept;

 private:
  static constexpr std::uint32_t idle = 0;
  static constexpr std::uint32_t running = 1;
  static constexpr std::uint32_t waited_for = 2;  // running, and the queue is not empty
  static constexpr std::uint32_t done = 3;

  void wait_for_end(std::uint32_t seen) noexcept;

  typename A::lock lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
  // One of the above. It leaves waited_for under lock_ only.
  // acquire [O1], [O2], [O3] in is_done and begin pairs with release [O4], [O5] in end: the effects
  // of the call are visible to those who find it made, or undone.
  typename A::template atomic<std::uint32_t> state_{idle};
};

template <class A>
bool basic_once_core<A>::begin() noexcept {
  for (;;) {
    std::uint32_t seen = state_.load(A::order("O2", std::memory_order_acquire));
    if (seen == done) return false;
    if (seen != idle) {
      wait_for_end(seen);
    } else if (state_.compare_exchange_weak(seen, running,
                                            A::order("O3", std::memory_order_acquire),
                                            std::memory_order_relaxed)) {
      return true;
    }
  }
}

/// Waits while a call is made, unless it is over: `seen` was running or waited_for.
template <class A>
void basic_once_core<A>::wait_for_end(std::uint32_t seen) noexcept {
  lock_.lock();
  // relaxed: says only that somebody waits; the queue is read under lock_.
  bool const marked =
      seen == running ? state_.compare_exchange_strong(seen, waited_for, std::memory_order_relaxed,
                                                       std::memory_order_relaxed)
                      : state_.load(std::memory_order_relaxed) == waited_for;
  if (!marked) return lock_.unlock();
  typename A::waiter self;
  basic_wait_node<A> node(self);
  queue_.push_back(node);
  park_linked(queue_, node, lock_, {"call_once", this}, steady_time::max(), interruptible::no);
}

template <class A>
void basic_once_core<A>::end(bool made) noexcept {
  std::uint32_t const outcome = made ? done : idle;
  std::uint32_t expected = running;
  if (state_.compare_exchange_strong(expected, outcome, A::order("O4", std::memory_order_release),
                                     std::memory_order_relaxed)) {
    return;
  }
  // Those who wait are inside until they are resumed, so nobody can destroy the flag before.
  basic_resume_list<A> claimed;
  {
    std::lock_guard const guard(lock_);
    state_.store(outcome, A::order("O5", std::memory_order_release));
    claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

extern template class basic_once_core<std_wait_policy>;
using once_core = basic_once_core<std_wait_policy>;

}  // namespace ramie::detail
