// What shared_mutex and shared_timed_mutex share. The protocol: sync/DESIGN.md#shared-mutex.
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
class basic_shared_mutex_core {
 public:
  constexpr explicit basic_shared_mutex_core(const char* what) noexcept : what_(what) {}
  basic_shared_mutex_core(basic_shared_mutex_core const&) = delete;
  basic_shared_mutex_core& operator=(basic_shared_mutex_core const&) = delete;

  const char* what() const noexcept { return what_; }

  /// `unparked`: the caller has the lock. Anything else ended its wait before it got it.
  wake lock(steady_time deadline, interruptible mode) noexcept {
    return try_lock() ? wake::unparked : lock_contended(deadline, mode);
  }
  bool try_lock() noexcept {
    std::uint64_t expected = 0;
    return state_.compare_exchange_strong(expected, held, A::order("R1", std::memory_order_acquire),
                                          std::memory_order_relaxed);
  }
  void unlock() noexcept {
    std::uint64_t expected = held;
    if (!state_.compare_exchange_strong(expected, 0, A::order("R2", std::memory_order_release),
                                        std::memory_order_relaxed)) {
      hand_over(held);
    }
  }

  wake lock_shared(steady_time deadline, interruptible mode) noexcept {
    return try_lock_shared() ? wake::unparked : lock_shared_contended(deadline, mode);
  }
  bool try_lock_shared() noexcept {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    return try_join(seen);
  }
  void unlock_shared() noexcept {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    if ((seen & waiting) != 0 || !state_.compare_exchange_strong(
                                     seen, seen - reader, A::order("R3", std::memory_order_release),
                                     std::memory_order_relaxed)) {
      hand_over(reader);
    }
  }

 private:
  using waiter = typename A::waiter;
  using node = basic_wait_node<A>;
  using queue = basic_wait_queue<A>;
  using resume_list = basic_resume_list<A>;

  static constexpr std::uint64_t held = 1;     // by a writer
  static constexpr std::uint64_t waiting = 2;  // a queue is not empty
  static constexpr std::uint64_t reader = 4;   // one reader

  bool try_join(std::uint64_t& seen) noexcept;
  wake lock_contended(steady_time deadline, interruptible mode) noexcept;
  wake lock_shared_contended(steady_time deadline, interruptible mode) noexcept;
  bool enqueue_or_take(node& self) noexcept;
  bool enqueue_or_join(node& self) noexcept;
  wake wait(queue& in, node& self, steady_time deadline, interruptible mode) noexcept;
  resume_list leave(queue& in, node& self) noexcept;
  std::uint64_t admit_readers(resume_list& admitted) noexcept;
  std::uint64_t admit_writer(resume_list& admitted) noexcept;
  std::uint64_t waiting_bit() const noexcept;
  void hand_over(std::uint64_t holder) noexcept;

  typename A::lock lock_;
  queue readers_;  // guarded by lock_
  queue writers_;  // guarded by lock_
  // 0, held, or a number of readers; with `waiting` while a queue is not empty, which changes under
  // lock_ only. The bit is never set over a free lock: the last holder hands it over under lock_.
  // Readers wait only while a writer holds the lock or waits.
  // acquire [R1], [R4], [R5], [R6] in what takes or hands on the lock pairs with release [R2],
  // [R3], [R7], [R8] in what gives it up: a holder sees what those before it wrote.
  typename A::template atomic<std::uint64_t> state_{0};
  const char* const what_;
};

/// Becomes a reader unless a writer holds the lock or anybody waits; `seen` shows that then.
template <class A>
inline bool basic_shared_mutex_core<A>::try_join(std::uint64_t& seen) noexcept {
  while ((seen & (held | waiting)) == 0) {
    if (state_.compare_exchange_weak(seen, seen + reader, A::order("R4", std::memory_order_acquire),
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

/// Under the lock: takes the lock if it is free, else links the node. The bit is set while others
/// are seen to hold it, so that the last one's unlock can't miss it.
template <class A>
bool basic_shared_mutex_core<A>::enqueue_or_take(node& self) noexcept {
  std::lock_guard const guard(lock_);
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = seen == 0 ? held : seen | waiting;
  } while (!state_.compare_exchange_weak(seen, next, A::order("R5", std::memory_order_acquire),
                                         std::memory_order_relaxed));
  if (next == held) return true;
  writers_.push_back(self);
  return false;
}

template <class A>
bool basic_shared_mutex_core<A>::enqueue_or_join(node& self) noexcept {
  std::lock_guard const guard(lock_);
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  do {
    if (try_join(seen)) return true;
    // relaxed: publishes nothing; the queues are read under lock_.
  } while (!state_.compare_exchange_weak(seen, seen | waiting, std::memory_order_relaxed,
                                         std::memory_order_relaxed));
  readers_.push_back(self);
  return false;
}

template <class A>
wake basic_shared_mutex_core<A>::lock_contended(steady_time deadline, interruptible mode) noexcept {
  waiter self;
  node place(self);
  return enqueue_or_take(place) ? wake::unparked : wait(writers_, place, deadline, mode);
}

template <class A>
wake basic_shared_mutex_core<A>::lock_shared_contended(steady_time deadline,
                                                       interruptible mode) noexcept {
  waiter self;
  node place(self);
  return enqueue_or_join(place) ? wake::unparked : wait(readers_, place, deadline, mode);
}

/// Whoever is woken has been handed the lock.
template <class A>
wake basic_shared_mutex_core<A>::wait(queue& in, node& self, steady_time deadline,
                                      interruptible mode) noexcept {
  wake const outcome = self.owner->park_until({what_, this}, deadline, mode);
  if (outcome != wake::unparked) leave(in, self).resume_all(placement::queue);
  return outcome;
}

/// A waiter whose time has run out goes. Readers that waited for it alone, beside readers that hold
/// the lock, are admitted.
template <class A>
basic_resume_list<A> basic_shared_mutex_core<A>::leave(queue& in, node& self) noexcept {
  resume_list admitted;
  std::lock_guard const guard(lock_);
  // Whoever unlinked it has seen to the rest.
  if (!in.remove(self)) return admitted;
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  std::uint64_t const joining =
      (seen & held) == 0 && writers_.empty() ? admit_readers(admitted) : 0;
  std::uint64_t const cleared = waiting & ~waiting_bit();
  // Readers may leave meanwhile, but not the last one: with the bit set it needs lock_ for that.
  // relaxed: what the last writer wrote, which those that are resumed must see, has been visible
  // here since this one queued up [R5], or since that writer handed the lock on under lock_.
  while (!state_.compare_exchange_weak(seen, (seen & ~cleared) + joining, std::memory_order_relaxed,
                                       std::memory_order_relaxed)) {
  }
  return admitted;
}

template <class A>
std::uint64_t basic_shared_mutex_core<A>::waiting_bit() const noexcept {
  return readers_.empty() && writers_.empty() ? 0 : waiting;
}

/// Under the lock: claims all readers that wait, and returns what they add to the state.
template <class A>
std::uint64_t basic_shared_mutex_core<A>::admit_readers(resume_list& admitted) noexcept {
  std::uint64_t joining = 0;
  while (node* const first = readers_.claim_front()) {
    admitted.push_back(*first);
    joining += reader;
  }
  return joining;
}

/// Under the lock: the same for the first writer.
template <class A>
std::uint64_t basic_shared_mutex_core<A>::admit_writer(resume_list& admitted) noexcept {
  node* const first = writers_.claim_front();
  if (first == nullptr) return 0;
  admitted.push_back(*first);
  return held;
}

/// By `holder`, the writer or one of the readers. Whoever is the last to leave while others wait
/// gives the lock to the other side first.
template <class A>
void basic_shared_mutex_core<A>::hand_over(std::uint64_t holder) noexcept {
  bool const to_readers = holder == held;
  resume_list admitted;
  for (;;) {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    while (seen != (holder | waiting)) {
      if (state_.compare_exchange_weak(seen, seen - holder,
                                       A::order("R7", std::memory_order_release),
                                       std::memory_order_relaxed)) {
        return;
      }
    }
    std::lock_guard const guard(lock_);
    // Those who waited may have left, or readers may have been admitted: then nobody that waits
    // keeps *this alive once it is free.
    if (state_.load(A::order("R6", std::memory_order_acquire)) != (holder | waiting)) continue;
    std::uint64_t next = to_readers ? admit_readers(admitted) : admit_writer(admitted);
    if (next == 0) next = to_readers ? admit_writer(admitted) : admit_readers(admitted);
    // Nobody else changes it: others need the bit to be clear, or lock_.
    state_.store(next | waiting_bit(), A::order("R8", std::memory_order_release));
    break;
  }
  admitted.resume_all(placement::queue);
}

extern template class basic_shared_mutex_core<std_wait_policy>;
using shared_mutex_core = basic_shared_mutex_core<std_wait_policy>;

}  // namespace ramie::detail
