#include <ramie/sched/detail/fiber_limit.hpp>

#include <mutex>

namespace ramie::detail {

bool fiber_limit::try_take_limited() noexcept {
  std::lock_guard lock(lock_);
  if (places_ == 0) return false;
  --places_;
  return true;
}

void fiber_limit::unlink(node& gone) noexcept {
  (gone.previous != nullptr ? gone.previous->next : first_) = gone.next;
  (gone.next != nullptr ? gone.next->previous : last_) = gone.previous;
  gone.queued = false;
}

void fiber_limit::take_limited() {
  node self;
  {
    std::lock_guard lock(lock_);
    if (places_ != 0) {
      --places_;
      return;
    }
    self.previous = last_;
    (last_ != nullptr ? last_->next : first_) = &self;
    last_ = &self;
    self.queued = true;
  }
  // A waker hands its place over with the wake.
  if (self.who.park({reason_, this}) == wake::unparked) return;
  {
    std::lock_guard lock(lock_);
    if (self.queued) unlink(self);
  }
  throw_interruption();
}

void fiber_limit::give_limited() noexcept {
  node* woken = nullptr;
  {
    std::lock_guard lock(lock_);
    while (first_ != nullptr && woken == nullptr) {
      node* const candidate = first_;
      unlink(*candidate);
      if (candidate->who.claim()) woken = candidate;
    }
    if (woken == nullptr) ++places_;
  }
  if (woken != nullptr) woken->who.resume(placement::queue);
}

}  // namespace ramie::detail
