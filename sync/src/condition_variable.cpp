#include <ramie/sync/condition_variable.hpp>

#include <system_error>

namespace ramie {

namespace {

void add(std::atomic<std::uint32_t>& count, std::uint32_t difference) noexcept {
  // Not an atomic addition: all writers hold the lock. relaxed: as said at waiting_.
  count.store(count.load(std::memory_order_relaxed) + difference, std::memory_order_relaxed);
}

}  // namespace

condition_variable::~condition_variable() {
  // All waiters have been notified, but one whose time ran out as it was notified may still be
  // about to take lock_.
  waiter self;
  detail::wait_node node(self);
  {
    std::lock_guard const guard(lock_);
    if (waiting_.load(std::memory_order_relaxed) == 0) return;
    destroyer_ = &node;
  }
  self.park({"condition_variable destructor", this}, interruptible::no);
}

void condition_variable::notify_one() noexcept {
  if (waiting_.load(std::memory_order_relaxed) == 0) return;
  lock_.lock();
  detail::wait_node* const first = queue_.claim_front();
  if (first != nullptr) add(waiting_, static_cast<std::uint32_t>(-1));
  lock_.unlock();
  if (first != nullptr) first->owner->resume();
}

void condition_variable::notify_all() noexcept {
  if (waiting_.load(std::memory_order_relaxed) == 0) return;
  detail::resume_list claimed;
  {
    std::lock_guard const guard(lock_);
    while (detail::wait_node* const node = queue_.claim_front()) {
      claimed.push_back(*node);
      add(waiting_, static_cast<std::uint32_t>(-1));
    }
  }
  claimed.resume_all(placement::queue);
}

/// A waiter that no notification reached goes; *this may be gone afterwards.
void condition_variable::leave(detail::wait_node& node) noexcept {
  lock_.lock();
  queue_.remove(node);
  add(waiting_, static_cast<std::uint32_t>(-1));
  detail::wait_node* const destroyer =
      waiting_.load(std::memory_order_relaxed) == 0 ? destroyer_ : nullptr;
  bool const destroy = destroyer != nullptr && destroyer->owner->claim();
  lock_.unlock();
  if (destroy) destroyer->owner->resume();
}

cv_status condition_variable::wait_steady(std::unique_lock<mutex>& lock,
                                          detail::steady_time deadline) {
  if (!lock.owns_lock()) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "condition_variable::wait without the lock");
  }
  waiter self;
  detail::wait_node node(self);
  {
    std::lock_guard const guard(lock_);
    queue_.push_back(node);
    add(waiting_, 1);
  }
  lock.unlock();
  wake const outcome = self.park_until({"condition_variable", this}, deadline);
  if (outcome != wake::unparked) leave(node);
  lock.lock();
  if (outcome == wake::cancelled) throw_interruption();
  return outcome == wake::timed_out ? cv_status::timeout : cv_status::no_timeout;
}

}  // namespace ramie
