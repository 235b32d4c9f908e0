// What all counting_semaphores share. The protocol: sync/DESIGN.md#semaphore.
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
class basic_semaphore_core {
 public:
  constexpr explicit basic_semaphore_core(std::ptrdiff_t desired) noexcept
      : state_(static_cast<std::uint64_t>(desired) << 1) {}
  basic_semaphore_core(basic_semaphore_core const&) = delete;
  basic_semaphore_core& operator=(basic_semaphore_core const&) = delete;

  /// Throws std::system_error if update is negative, or if there would be more than `most`.
  void release(std::ptrdiff_t update, std::ptrdiff_t most);
  bool try_acquire() noexcept;
  /// `unparked`: acquired. Anything else ended the wait before there was anything to acquire.
  wake acquire(steady_time deadline) noexcept;

 private:
  static constexpr std::uint64_t waited_for = 1;

  static void check_update(std::uint64_t count, std::ptrdiff_t update, std::ptrdiff_t most);
  bool release_to_waiters(std::ptrdiff_t update) noexcept;
  bool take(std::uint64_t& seen) noexcept;
  void leave(basic_wait_node<A>& node) noexcept;

  typename A::lock lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
  // count << 1, or waited_for. The bit says that the queue is not empty, and changes under lock_
  // only; while it is set the count is zero and stays so: nobody passes those who wait.
  // release [C1], [C3] in release pairs with acquire [C2] in take. What is handed to a waiter is
  // published by its resume.
  typename A::template atomic<std::uint64_t> state_;
};

template <class A>
void basic_semaphore_core<A>::check_update(std::uint64_t count, std::ptrdiff_t update,
                                           std::ptrdiff_t most) {
  if (update < 0) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "counting_semaphore::release");
  }
  if (update > most ||
      count > static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(update)) {
    throw std::system_error(std::make_error_code(std::errc::value_too_large),
                            "counting_semaphore::release");
  }
}

template <class A>
void basic_semaphore_core<A>::release(std::ptrdiff_t update, std::ptrdiff_t most) {
  std::uint64_t const difference = static_cast<std::uint64_t>(update) << 1;
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  for (;;) {
    check_update(seen >> 1, update, most);
    if (seen == waited_for) {
      if (release_to_waiters(update)) return;
      seen = state_.load(std::memory_order_relaxed);
    } else if (state_.compare_exchange_weak(seen, seen + difference,
                                            A::order("C1", std::memory_order_release),
                                            std::memory_order_relaxed)) {
      return;
    }
  }
}

/// False, and nothing is done: all who waited have left, so that nobody keeps *this alive once the
/// count can be taken. Otherwise somebody is inside `acquire` until lock_ is free again.
template <class A>
bool basic_semaphore_core<A>::release_to_waiters(std::ptrdiff_t update) noexcept {
  basic_resume_list<A> claimed;
  placement const where = update == 1 ? placement::next : placement::queue;
  {
    std::lock_guard const guard(lock_);
    if (queue_.empty()) return false;
    while (update > 0) {
      basic_wait_node<A>* const node = queue_.claim_front();
      if (node == nullptr) break;
      claimed.push_back(*node);
      --update;
    }
    // Nobody changes it without the lock while the bit is set.
    if (queue_.empty()) {
      state_.store(static_cast<std::uint64_t>(update) << 1,
                   A::order("C3", std::memory_order_release));
    }
  }
  claimed.resume_all(where);
  return true;
}

/// Takes one if there is any; `seen` shows otherwise that there is none.
template <class A>
inline bool basic_semaphore_core<A>::take(std::uint64_t& seen) noexcept {
  while (seen > waited_for) {
    if (state_.compare_exchange_weak(seen, seen - 2, A::order("C2", std::memory_order_acquire),
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

template <class A>
bool basic_semaphore_core<A>::try_acquire() noexcept {
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  return take(seen);
}

template <class A>
wake basic_semaphore_core<A>::acquire(steady_time deadline) noexcept {
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  if (take(seen)) return wake::unparked;
  typename A::waiter self;
  basic_wait_node<A> node(self);
  {
    std::lock_guard const guard(lock_);
    do {
      if (take(seen)) return wake::unparked;
      // relaxed: the bit publishes nothing; the queue is read under lock_.
    } while (!state_.compare_exchange_weak(seen, waited_for, std::memory_order_relaxed,
                                           std::memory_order_relaxed));
    queue_.push_back(node);
  }
  wake const outcome = self.park_until({"semaphore", this}, deadline, interruptible::yes);
  if (outcome != wake::unparked) leave(node);
  return outcome;
}

/// A waiter that was given nothing goes.
template <class A>
void basic_semaphore_core<A>::leave(basic_wait_node<A>& node) noexcept {
  std::lock_guard const guard(lock_);
  queue_.remove(node);
  // relaxed: publishes nothing. Without the bit there is nothing to change.
  if (queue_.empty()) state_.fetch_and(~waited_for, std::memory_order_relaxed);
}

extern template class basic_semaphore_core<std_wait_policy>;
using semaphore_core = basic_semaphore_core<std_wait_policy>;

}  // namespace ramie::detail
