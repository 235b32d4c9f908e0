#include <ramie/sync/latch.hpp>

#include <mutex>
#include <system_error>

namespace ramie {

void latch::count_down(std::ptrdiff_t update) {
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  std::uint64_t const difference = static_cast<std::uint64_t>(update) << 1;
  for (;;) {
    if (update < 0 || (seen & ~waited_for) < difference) {
      throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                              "latch::count_down");
    }
    if (seen - difference == waited_for) break;
    if (state_.compare_exchange_weak(seen, seen - difference, std::memory_order_release,  // [L1]
                                     std::memory_order_relaxed)) {
      return;
    }
  }
  // Somebody waits, and this is the last arrival.
  detail::resume_list claimed;
  {
    std::lock_guard const guard(lock_);
    state_.fetch_sub(difference, std::memory_order_acq_rel);  // [L1] [L2]
    claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

/// Whether the count is zero, and everybody who brought it there is done with *this.
bool latch::pass() const noexcept {
  std::uint64_t const seen = state_.load(std::memory_order_acquire);  // [L2]
  if (seen > waited_for) return false;
  if (seen == waited_for) {
    { std::lock_guard const guard(lock_); }
    state_.store(0, std::memory_order_release);  // [L2]: for those that find it so
  }
  return true;
}

bool latch::try_wait() const noexcept {
  return pass();
}

void latch::wait_for_zero(interruptible mode) const {
  if (pass()) return;
  lock_.lock();
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  // relaxed: the bit publishes nothing; the queue is read under lock_.
  while (seen > waited_for &&
         !state_.compare_exchange_weak(seen, seen | waited_for, std::memory_order_relaxed,
                                       std::memory_order_relaxed)) {
  }
  if (seen <= waited_for) {
    lock_.unlock();
    pass();
    return;
  }
  waiter self;
  detail::wait_node node(self);
  queue_.push_back(node);
  wake const outcome =
      detail::park_linked(queue_, node, lock_, {"latch", this}, detail::steady_time::max(), mode);
  if (outcome == wake::cancelled) throw_interruption();
}

}  // namespace ramie
