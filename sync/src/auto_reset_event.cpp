#include <ramie/sync/auto_reset_event.hpp>

#include <mutex>

namespace ramie {

void auto_reset_event::set() noexcept {
  lock_.lock();
  detail::wait_node* const first = queue_.claim_front();
  if (first == nullptr) set_ = true;
  lock_.unlock();
  if (first != nullptr) first->owner->resume();
}

void auto_reset_event::reset() noexcept {
  std::lock_guard const guard(lock_);
  set_ = false;
}

bool auto_reset_event::wait_steady(detail::steady_time deadline) {
  lock_.lock();
  if (set_) {
    set_ = false;
    lock_.unlock();
    return true;
  }
  waiter self;
  detail::wait_node node(self);
  queue_.push_back(node);
  wake const outcome =
      detail::park_linked(queue_, node, lock_, {"auto_reset_event", this}, deadline);
  if (outcome == wake::cancelled) throw_interruption();
  return outcome == wake::unparked;
}

}  // namespace ramie
