#include <ramie/sync/call_once.hpp>

#include <mutex>

namespace ramie {

bool once_flag::begin() {
  for (;;) {
    std::uint32_t seen = state_.load(std::memory_order_acquire);  // [O1]
    if (seen == done) return false;
    if (seen == idle) {
      if (state_.compare_exchange_weak(seen, running, std::memory_order_acquire,  // [O1]
                                       std::memory_order_relaxed)) {
        return true;
      }
      continue;
    }
    lock_.lock();
    // relaxed: says only that somebody waits; the queue is read under lock_.
    if (seen == running &&
        !state_.compare_exchange_strong(seen, waited_for, std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
      lock_.unlock();
      continue;
    }
    if (state_.load(std::memory_order_relaxed) != waited_for) {
      lock_.unlock();
      continue;
    }
    waiter self;
    detail::wait_node node(self);
    queue_.push_back(node);
    detail::park_linked(queue_, node, lock_, {"call_once", this}, detail::steady_time::max(),
                        interruptible::no);
  }
}

void once_flag::end(std::uint32_t outcome) noexcept {
  std::uint32_t expected = running;
  if (state_.compare_exchange_strong(expected, outcome, std::memory_order_release,  // [O2]
                                     std::memory_order_relaxed)) {
    return;
  }
  // Those who wait are inside until they are resumed, so nobody can destroy the flag before.
  detail::resume_list claimed;
  {
    std::lock_guard const guard(lock_);
    state_.store(outcome, std::memory_order_release);  // [O2]
    claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

}  // namespace ramie
