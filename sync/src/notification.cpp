#include <ramie/sync/detail/notification.hpp>

#include <mutex>
#include <optional>

namespace ramie::detail {

namespace {

void add_to(std::atomic<std::uint32_t>& count, std::uint32_t difference) noexcept {
  // Not an atomic addition: all writers hold the lock. relaxed: as said at waiting_.
  count.store(count.load(std::memory_order_relaxed) + difference, std::memory_order_relaxed);
}

constexpr auto minus_one = static_cast<std::uint32_t>(-1);

}  // namespace

notification::~notification() {
  // All waiters have been notified, but some may still be about to take lock_: one whose time ran
  // out as it was notified, or one that was notified before it was bound.
  waiter self;
  wait_node node(self);
  {
    std::lock_guard const guard(lock_);
    if (waiting_.load(std::memory_order_relaxed) == 0) return;
    destroyer_ = &node;
  }
  self.park({"condition_variable destructor", this}, interruptible::no);
}

/// Under the lock: unlinks the first one that can be notified, and returns it if it is to be
/// resumed. One without an owner sees by itself that it has been unlinked. `found`: whether there
/// was one of either kind.
wait_node* notification::unlink_front(bool& found) noexcept {
  while (wait_node* const node = queue_.front()) {
    queue_.remove(*node);
    found = true;
    if (node->owner == nullptr) return nullptr;
    if (!node->owner->claim()) continue;
    add_to(waiting_, minus_one);
    return node;
  }
  found = false;
  return nullptr;
}

void notification::notify_one() noexcept {
  if (waiting_.load(std::memory_order_relaxed) == 0) return;
  bool found = false;
  lock_.lock();
  wait_node* const first = unlink_front(found);
  lock_.unlock();
  if (first != nullptr) first->owner->resume();
}

void notification::notify_all() noexcept {
  if (waiting_.load(std::memory_order_relaxed) == 0) return;
  resume_list claimed;
  {
    std::lock_guard const guard(lock_);
    for (bool found = true; found;) {
      if (wait_node* const node = unlink_front(found)) claimed.push_back(*node);
    }
  }
  claimed.resume_all(placement::queue);
}

void notification::add(wait_node& node) noexcept {
  std::lock_guard const guard(lock_);
  queue_.push_back(node);
  add_to(waiting_, 1);
}

bool notification::bind(wait_node& node, waiter& owner) noexcept {
  lock_.lock();
  if (node.linked) {
    node.owner = &owner;
    lock_.unlock();
    return true;
  }
  leave_and_unlock();
  return false;
}

void notification::remove(wait_node& node) noexcept {
  lock_.lock();
  queue_.remove(node);
  leave_and_unlock();
}

/// The last to leave lets the destructor go on.
void notification::leave_and_unlock() noexcept {
  add_to(waiting_, minus_one);
  wait_node* const destroyer = waiting_.load(std::memory_order_relaxed) == 0 ? destroyer_ : nullptr;
  bool const destroy = destroyer != nullptr && destroyer->owner->claim();
  lock_.unlock();
  if (destroy) destroyer->owner->resume();
}

wake early_wait::wait(steady_time deadline, std::stop_token const& stop) noexcept {
  waiter self;
  bool stopped = false;
  auto const on_stop = [&self, &stopped]() noexcept {
    if (!self.claim()) return;
    stopped = true;
    self.resume();
  };
  // It touches nothing but this wait, so the condition variable may be gone before it ends.
  std::stop_callback const stopping(stop, on_stop);
  listed_ = false;
  if (!at_.bind(node_, self)) {
    // The stop may have won the claim meanwhile; this wait has to end before the next one begins.
    if (self.claim()) {
      self.resume();
    } else {
      self.park({"condition_variable_any", nullptr}, interruptible::no);
    }
    return wake::unparked;
  }
  wake const outcome = self.park_until({"condition_variable_any", &at_}, deadline);
  if (outcome != wake::unparked || stopped) at_.remove(node_);
  return outcome;
}

}  // namespace ramie::detail
