#include <mutex>
#include <system_error>

#include <ramie/sync/detail/semaphore_core.hpp>

namespace ramie::detail {

namespace {

void check_update(std::uint64_t count, std::ptrdiff_t update, std::ptrdiff_t most) {
  if (update < 0) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "counting_semaphore::release");
  }
  if (count > static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(update) ||
      update > most) {
    throw std::system_error(std::make_error_code(std::errc::value_too_large),
                            "counting_semaphore::release");
  }
}

}  // namespace

void semaphore_core::release(std::ptrdiff_t update, std::ptrdiff_t most) {
  std::uint64_t const difference = static_cast<std::uint64_t>(update) << 1;
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  for (;;) {
    check_update(seen >> 1, update, most);
    if (seen == waited_for) {
      if (release_to_waiters(update)) return;
      seen = state_.load(std::memory_order_relaxed);
    } else if (state_.compare_exchange_weak(seen, seen + difference,
                                            std::memory_order_release,  // [S1]
                                            std::memory_order_relaxed)) {
      return;
    }
  }
}

/// False, and nothing is done: all who waited have left, so that nobody keeps *this alive once the
/// count can be taken. Otherwise somebody is inside `acquire` until lock_ is free again.
bool semaphore_core::release_to_waiters(std::ptrdiff_t update) noexcept {
  resume_list claimed;
  placement const where = update == 1 ? placement::next : placement::queue;
  {
    std::lock_guard const guard(lock_);
    if (queue_.empty()) return false;
    while (update > 0) {
      wait_node* const node = queue_.claim_front();
      if (node == nullptr) break;
      claimed.push_back(*node);
      --update;
    }
    // Nobody changes it without the lock while the bit is set.
    if (queue_.empty()) {
      state_.store(static_cast<std::uint64_t>(update) << 1, std::memory_order_release);  // [S1]
    }
  }
  claimed.resume_all(where);
  return true;
}

/// Takes one if there is any; `seen` shows otherwise that there is none.
bool semaphore_core::take(std::uint64_t& seen) noexcept {
  while (seen > waited_for) {
    if (state_.compare_exchange_weak(seen, seen - 2, std::memory_order_acquire,  // [S2]
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool semaphore_core::try_acquire() noexcept {
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  return take(seen);
}

bool semaphore_core::acquire(steady_time deadline) {
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  if (take(seen)) return true;
  waiter self;
  wait_node node(self);
  {
    std::lock_guard const guard(lock_);
    do {
      if (take(seen)) return true;
      // relaxed: the bit publishes nothing; the queue is read under lock_.
    } while (!state_.compare_exchange_weak(seen, waited_for, std::memory_order_relaxed,
                                           std::memory_order_relaxed));
    queue_.push_back(node);
  }
  wake const outcome = self.park_until({"semaphore", this}, deadline);
  if (outcome == wake::unparked) return true;
  leave(node);
  if (outcome == wake::cancelled) throw_interruption();
  return false;
}

/// A waiter that was given nothing goes.
void semaphore_core::leave(wait_node& node) noexcept {
  std::lock_guard const guard(lock_);
  queue_.remove(node);
  // relaxed: publishes nothing. Without the bit there is nothing to change.
  if (queue_.empty()) state_.fetch_and(~waited_for, std::memory_order_relaxed);
}

}  // namespace ramie::detail
