#include <ramie/sync/wait_group.hpp>

#include <limits>
#include <mutex>
#include <system_error>

namespace ramie {

namespace {

/// The sum, or an exception.
std::ptrdiff_t checked_sum(std::ptrdiff_t count, std::ptrdiff_t n) {
  if (n > std::numeric_limits<std::ptrdiff_t>::max() - count) {
    throw std::system_error(std::make_error_code(std::errc::value_too_large), "wait_group::add");
  }
  if (count + n < 0) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "wait_group: the count would become negative");
  }
  return count + n;
}

}  // namespace

void wait_group::add(std::ptrdiff_t n) {
  std::ptrdiff_t seen = count_.load(std::memory_order_relaxed);
  for (;;) {
    std::ptrdiff_t const sum = checked_sum(seen, n);
    if (sum == 0) return add_to_zero(n);
    if (count_.compare_exchange_weak(seen, sum, std::memory_order_release,  // [W1]
                                     std::memory_order_relaxed)) {
      return;
    }
  }
}

void wait_group::add_to_zero(std::ptrdiff_t n) {
  detail::resume_list claimed;
  {
    std::lock_guard const guard(lock_);
    std::ptrdiff_t seen = count_.load(std::memory_order_relaxed);
    // Others may still change it without the lock, so it may not come to zero after all.
    while (!count_.compare_exchange_weak(seen, checked_sum(seen, n),
                                         std::memory_order_acq_rel,  // [W1] [W2]
                                         std::memory_order_relaxed)) {
    }
    if (seen + n == 0) claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

void wait_group::wait() {
  lock_.lock();
  // relaxed: it became zero under the lock.
  if (count_.load(std::memory_order_relaxed) == 0) {
    lock_.unlock();
    return;
  }
  waiter self;
  detail::wait_node node(self);
  queue_.push_back(node);
  wake const outcome =
      detail::park_linked(queue_, node, lock_, {"wait_group", this}, detail::steady_time::max());
  if (outcome == wake::cancelled) throw_interruption();
}

}  // namespace ramie
