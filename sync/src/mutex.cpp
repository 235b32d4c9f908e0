#include <ramie/sync/mutex.hpp>

#include <mutex>

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

/// False: the deadline has come.
bool mutex::lock_contended(park_reason reason, detail::steady_time deadline, interruptible mode) {
  for (unsigned passed_over = 0;; ++passed_over) {
    std::uint32_t const cleared = passed_over == 0 ? 0 : woken;
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    if (try_take(seen, cleared)) return true;
    waiter self;
    node place(self, passed_over);
    if (enqueue_or_take(place, cleared)) return true;
    wake const outcome = self.park_until(reason, deadline, mode);
    if (outcome == wake::unparked) {
      if (place.handed) return true;
      continue;
    }
    leave(place);
    if (outcome == wake::cancelled) throw_interruption();
    return false;
  }
}

/// A waiter whose time has run out goes.
void mutex::leave(node& self) noexcept {
  std::lock_guard const guard(lock_);
  queue_.remove(self);
  // relaxed: publishes nothing. Without the bit there is nothing to change.
  if (queue_.empty()) state_.fetch_and(~waiting, std::memory_order_relaxed);
}

void mutex::unlock_contended() noexcept {
  for (;;) {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    while ((seen & waiting) == 0 || (seen & woken) != 0) {
      if (state_.compare_exchange_weak(seen, seen & ~held, std::memory_order_release,  // [M4]
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
  state_.store(next | (queue_.empty() ? 0 : waiting), std::memory_order_release);  // [M4]
  lock_.unlock();
  if (first != nullptr) first->owner->resume();
}

}  // namespace ramie
