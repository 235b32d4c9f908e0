#include <ramie/sync/event.hpp>

#include <mutex>

#include <ramie/sync/auto_reset_event.hpp>

namespace ramie {

void event::set() noexcept {
  detail::resume_list claimed;
  {
    std::lock_guard const guard(lock_);
    set_ = true;
    claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

void auto_reset_event::set() noexcept {
  lock_.lock();
  detail::wait_node* const first = queue_.claim_front();
  if (first == nullptr) set_ = true;
  lock_.unlock();
  if (first != nullptr) first->owner->resume();
}

void detail::event_flag::reset() noexcept {
  std::lock_guard const guard(lock_);
  set_ = false;
}

/// Under the lock: whether the flag is set, which it may be no more then.
bool detail::event_flag::take() noexcept {
  bool const found = set_;
  if (taken_) set_ = false;
  return found;
}

bool detail::event_flag::wait_steady(steady_time deadline) {
  lock_.lock();
  if (take()) {
    lock_.unlock();
    return true;
  }
  waiter self;
  wait_node node(self);
  queue_.push_back(node);
  wake const outcome = park_linked(queue_, node, lock_, {what_, this}, deadline);
  if (outcome == wake::cancelled) throw_interruption();
  return outcome == wake::unparked;
}

}  // namespace ramie
