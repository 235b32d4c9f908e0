#include <ramie/sync/barrier.hpp>

#include <mutex>

namespace ramie::detail {

void barrier_core::complete() noexcept {
  resume_list claimed;
  {
    std::lock_guard const guard(lock_);
    auto const expected = static_cast<std::uint64_t>(expected_.load(std::memory_order_relaxed));
    std::uint64_t const phase = state_.load(std::memory_order_relaxed) & 1;
    state_.store(expected << 1 | (phase ^ 1), std::memory_order_release);  // [B1]
    claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

void barrier_core::wait(std::uint64_t phase, interruptible mode) const {
  lock_.lock();
  if ((state_.load(std::memory_order_relaxed) & 1) != phase) {  // relaxed: changes under lock_
    lock_.unlock();
    return;
  }
  waiter self;
  wait_node node(self);
  queue_.push_back(node);
  wake const outcome =
      park_linked(queue_, node, lock_, {"barrier", this}, steady_time::max(), mode);
  if (outcome == wake::cancelled) throw_interruption();
}

}  // namespace ramie::detail
