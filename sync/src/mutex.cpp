#include <ramie/sync/mutex.hpp>

#include <mutex>

#include <ramie/fiber/assert.hpp>

namespace ramie {

/// One attempt to wait.
struct mutex::node : detail::wait_node {
  node(waiter& who, unsigned times) noexcept : wait_node(who), passed_over(times) {}

  unsigned passed_over;
  bool handed = false;  // written by the unlocker that claims the node
};

/// Takes a free mutex, clearing the bits of `cleared` with it; gives up once it is held, and `seen`
/// shows that then.
bool mutex::try_take(std::uint32_t& seen, std::uint32_t cleared) noexcept {
  while ((seen & held) == 0) {
    if (state_.compare_exchange_weak(seen, (seen | held) & ~cleared,
                                     std::memory_order_acquire,  // [M3]
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

/// Under the lock: takes the mutex if it has become free, else links the node. The bit is set while
/// the mutex is seen held, so that the holder's unlock can't miss it.
bool mutex::enqueue_or_take(node& self, std::uint32_t cleared) noexcept {
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

void mutex::lock_contended() {
  for (unsigned passed_over = 0;; ++passed_over) {
    std::uint32_t const cleared = passed_over == 0 ? 0 : woken;
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    if (try_take(seen, cleared)) return;
    waiter self;
    node place(self, passed_over);
    if (enqueue_or_take(place, cleared)) return;
    self.park({"mutex", this}, interruptible::no);
    if (place.handed) return;
  }
}

void mutex::unlock_contended() noexcept {
  std::uint32_t seen = state_.load(std::memory_order_relaxed);
  while ((seen & waiting) == 0 || (seen & woken) != 0) {
    if (state_.compare_exchange_weak(seen, seen & ~held, std::memory_order_release,  // [M4]
                                     std::memory_order_relaxed)) {
      return;
    }
  }
  // There are waiters, and nobody is on its way. Nobody but the holder changes that: the state is
  // written by others only if the mutex is free or under the lock.
  lock_.lock();
  node& first = static_cast<node&>(*queue_.front());
  queue_.remove(first);
  first.handed = first.passed_over >= max_passed_over;
  state_.store((first.handed ? held : woken) | (queue_.empty() ? 0 : waiting),
               std::memory_order_release);  // [M4]
  RAMIE_ASSERT(first.owner->claim());       // Nothing else ends a wait for a mutex.
  lock_.unlock();
  first.owner->resume();
}

}  // namespace ramie
