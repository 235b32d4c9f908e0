#include <ramie/sync/event.hpp>

#include <mutex>

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

void event::reset() noexcept {
  std::lock_guard const guard(lock_);
  set_ = false;
}

bool event::wait_steady(detail::steady_time deadline) {
  lock_.lock();
  if (set_) {
    lock_.unlock();
    return true;
  }
  waiter self;
  detail::wait_node node(self);
  queue_.push_back(node);
  wake const outcome = detail::park_linked(queue_, node, lock_, {"event", this}, deadline);
  if (outcome == wake::cancelled) throw_interruption();
  return outcome == wake::unparked;
}

}  // namespace ramie
