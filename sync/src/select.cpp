#include <ramie/sync/select.hpp>

#include <mutex>

namespace ramie::detail {

bool event_waiter::try_commit(held_locks& others) noexcept {
  if (!flag_.take()) return false;
  others.keep_only(flag_.lock_);
  flag_.lock_.unlock();
  return true;
}

bool event_waiter::publish(waiter& self) noexcept {
  node_.emplace(self);
  flag_.queue_.push_back(*node_);
  return true;
}

bool event_waiter::withdraw() noexcept {
  if (node_->claimed) return true;
  std::lock_guard const guard(flag_.lock_);
  flag_.queue_.remove(*node_);
  return false;
}

}  // namespace ramie::detail
