#include <ramie/sync/select.hpp>

#include <mutex>

namespace ramie::detail {

bool event_waiter::try_commit(held_locks& others) noexcept {
  if (!core_.take()) return false;
  others.keep_only(core_.lock());
  core_.lock().unlock();
  return true;
}

bool event_waiter::publish(waiter& self) noexcept {
  node_.emplace(self);
  core_.queue().push_back(*node_);
  return true;
}

bool event_waiter::withdraw() noexcept {
  if (node_->claimed) return true;
  std::lock_guard const guard(core_.lock());
  core_.queue().remove(*node_);
  return false;
}

}  // namespace ramie::detail
