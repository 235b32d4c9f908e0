// What mutex and timed_mutex share. The protocol and its proof: sync/DESIGN.md#mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_policy.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

/// MaxPassedOver: how often a waiter may be woken in vain before the mutex is handed to it.
template <class A, unsigned MaxPassedOver>
class basic_mutex_core {
 public:
  static constexpr unsigned max_passed_over = MaxPassedOver;

  basic_mutex_core() noexcept = default;
  basic_mutex_core(basic_mutex_core const&) = delete;
  basic_mutex_core& operator=(basic_mutex_core const&) = delete;

  /// `unparked`: the caller has the mutex. Anything else ended its wait before it got it.
  wake lock(park_reason reason, steady_time deadline, interruptible mode) noexcept {
    // A load first: while somebody waits, an exchange that expects 0 would be made in vain.
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    if ((seen & held) == 0 &&
        state_.compare_exchange_strong(seen, seen | held, A::order("M1", std::memory_order_acquire),
                                       std::memory_order_relaxed)) {
      return wake::unparked;
    }
    return lock_contended(reason, deadline, mode);
  }

  bool try_lock() noexcept {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    return try_take(seen, 0);
  }

  /// By the holder.
  void unlock() noexcept {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    if (wakes_somebody(seen) || !state_.compare_exchange_strong(
                                    seen, seen & ~held, A::order("M2", std::memory_order_release),
                                    std::memory_order_relaxed)) {
      unlock_contended();
    }
  }

 private:
  using waiter = typename A::waiter;

  /// One attempt to wait.
  struct node : basic_wait_node<A> {
    node(waiter& who, unsigned times) noexcept : basic_wait_node<A>(who), passed_over(times) {}

    typename A::template plain<unsigned> passed_over;
    typename A::template plain<bool> handed = false;  // by the unlocker that claims the node
  };

  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t waiting = 2;  // the queue is not empty
  static constexpr std::uint32_t woken = 4;    // a woken waiter is on its way to take the mutex

  /// Whether an unlock is to wake a waiter: there are some, and none is on its way.
  static bool wakes_somebody(std::uint32_t seen) noexcept {
    return (seen & (waiting | woken)) == waiting;
  }

  bool try_take(std::uint32_t& seen, std::uint32_t cleared) noexcept;
  bool enqueue_or_take(node& self, std::uint32_t cleared) noexcept;
  wake lock_contended(park_reason reason, steady_time deadline, interruptible mode) noexcept;
  void leave(node& self) noexcept;
  void unlock_contended() noexcept;

  // Any union of held, waiting and woken. `waiting` changes under lock_ only. While `woken` is set
  // an unlock wakes nobody: the one on its way either takes the mutex or sets `waiting` again.
  // acquire [M1], [M3] in what takes the mutex pairs with release [M2], [M4], [M5] in what gives it
  // up: a holder sees what the last one wrote.
  typename A::template atomic<std::uint32_t> state_{0};
  typename A::lock lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
};

/// Takes a free mutex, clearing the bits of `cleared` with it; gives up once it is held, and `seen`
/// shows that then.
template <class A, unsigned MaxPassedOver>
inline bool basic_mutex_core<A, MaxPassedOver>::try_take(std::uint32_t& seen,
                                                         std::uint32_t cleared) noexcept {
  while ((seen & held) == 0) {
    if (state_.compare_exchange_weak(seen, (seen | held) & ~cleared,
                                     A::order("M3", std::memory_order_acquire),
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

/// Under the lock: takes the mutex if it has become free, else links the node. The bit is set while
/// the mutex is seen held, so that the holder's unlock can't miss it.
template <class A, unsigned MaxPassedOver>
bool basic_mutex_core<A, MaxPassedOver>::enqueue_or_take(node& self,
                                                         std::uint32_t cleared) noexcept {
  std::lock_guard const guard(lock_);
  std::uint32_t seen = state_.load(std::memory_order_relaxed);
  do {
    if (try_take(seen, cleared)) return true;
    // relaxed: nothing is published by it but the bit; the queue is read under lock_.
  } while (!state_.compare_exchange_weak(seen, (seen | waiting) & ~cleared,
                                         std::memory_order_relaxed, std::memory_order_relaxed));
  if (self.passed_over == 0) {
    queue_.push_back(self);
  } else {
    queue_.push_front(self);  // Whoever was woken in vain keeps its place.
  }
  return false;
}

template <class A, unsigned MaxPassedOver>
wake basic_mutex_core<A, MaxPassedOver>::lock_contended(park_reason reason, steady_time deadline,
                                                        interruptible mode) noexcept {
  for (unsigned passed_over = 0;; ++passed_over) {
    std::uint32_t const cleared = passed_over == 0 ? 0 : woken;
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    if (try_take(seen, cleared)) return wake::unparked;
    waiter self;
    node place(self, passed_over);
    if (enqueue_or_take(place, cleared)) return wake::unparked;
    wake const outcome = self.park_until(reason, deadline, mode);
    if (outcome != wake::unparked) {
      leave(place);
      return outcome;
    }
    if (place.handed) return wake::unparked;
  }
}

/// A waiter whose time has run out goes.
template <class A, unsigned MaxPassedOver>
void basic_mutex_core<A, MaxPassedOver>::leave(node& self) noexcept {
  std::lock_guard const guard(lock_);
  queue_.remove(self);
  // relaxed: publishes nothing. Without the bit there is nothing to change.
  if (queue_.empty()) state_.fetch_and(~waiting, std::memory_order_relaxed);
}

template <class A, unsigned MaxPassedOver>
void basic_mutex_core<A, MaxPassedOver>::unlock_contended() noexcept {
  for (;;) {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    while (!wakes_somebody(seen)) {
      if (state_.compare_exchange_weak(seen, seen & ~held,
                                       A::order("M4", std::memory_order_release),
                                       std::memory_order_relaxed)) {
        return;
      }
    }
    lock_.lock();
    if (!queue_.empty()) break;
    lock_.unlock();  // All who waited have left: nobody keeps *this alive once it is free.
  }
  // There are waiters, and nobody is on its way. Nobody but the holder changes that: the state is
  // written by others only if the mutex is free or under the lock.
  auto* const first = static_cast<node*>(queue_.claim_front());
  if (first != nullptr) first->handed = first->passed_over >= max_passed_over;
  std::uint32_t const next = first == nullptr ? 0 : first->handed ? held : woken;
  state_.store(next | (queue_.empty() ? 0 : waiting), A::order("M5", std::memory_order_release));
  lock_.unlock();
  if (first != nullptr) first->owner->resume();
}

extern template class basic_mutex_core<std_wait_policy, 8>;
using mutex_core = basic_mutex_core<std_wait_policy, 8>;

}  // namespace ramie::detail
