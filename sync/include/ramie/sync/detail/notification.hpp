// What condition_variable and condition_variable_any share. The protocol:
// sync/DESIGN.md#condition-variable.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_policy.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

/// Those who wait to be notified.
template <class A>
class basic_notification {
 public:
  using waiter = typename A::waiter;
  using node = basic_wait_node<A>;

  basic_notification() noexcept = default;
  basic_notification(basic_notification const&) = delete;
  basic_notification& operator=(basic_notification const&) = delete;
  /// Waits for those that were notified but have not seen it yet.
  ~basic_notification();

  void notify_one() noexcept;
  void notify_all() noexcept;

  /// Waits for a notification with `lock` released; it is held again afterwards.
  template <class Lock>
  wake wait(Lock& lock, park_reason reason, steady_time deadline);

  /// From now on the node is among those who wait. It may have no owner yet.
  void add(node& added) noexcept;
  /// Gives the node its owner, which parks next. False: it has been notified already, and has left;
  /// *this may be gone.
  bool bind(node& early, waiter& owner) noexcept;
  /// One whose owner no notification has claimed goes; *this may be gone afterwards.
  void remove(node& gone) noexcept;

 private:
  node* unlink_front(bool& found) noexcept;
  void leave_and_unlock() noexcept;
  void add_to_waiting(std::uint32_t difference) noexcept;

  static constexpr auto minus_one = static_cast<std::uint32_t>(-1);

  typename A::lock lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
  // Guarded by lock_: the destructor waits for waiting_ == 0.
  typename A::template plain<node*> destroyer_ = nullptr;
  // How many waiters no notification has claimed, and which have not left by themselves. Written
  // under lock_. Read without it by notify, relaxed: a waiter that a notification must reach has
  // raised it before it released the user's mutex, so that happened before the notification.
  typename A::template atomic<std::uint32_t> waiting_{0};
};

template <class A>
basic_notification<A>::~basic_notification() {
  // All waiters have been notified, but some may still be about to take lock_: one whose time ran
  // out as it was notified, or one that was notified before it was bound.
  waiter self;
  node place(self);
  {
    std::lock_guard const guard(lock_);
    if (waiting_.load(std::memory_order_relaxed) == 0) return;
    destroyer_ = &place;
  }
  self.park({"condition_variable destructor", this}, interruptible::no);
}

/// Under the lock: unlinks the first one that can be notified, and returns it if it is to be
/// resumed. One without an owner sees by itself that it has been unlinked. `found`: whether there
/// was one of either kind.
template <class A>
basic_wait_node<A>* basic_notification<A>::unlink_front(bool& found) noexcept {
  while (node* const first = queue_.front()) {
    queue_.remove(*first);
    found = true;
    if (first->owner == nullptr) return nullptr;
    if (!first->owner->claim()) continue;
    add_to_waiting(minus_one);
    return first;
  }
  found = false;
  return nullptr;
}

template <class A>
void basic_notification<A>::notify_one() noexcept {
  if (waiting_.load(std::memory_order_relaxed) == 0) return;
  bool found = false;
  lock_.lock();
  node* const first = unlink_front(found);
  lock_.unlock();
  if (first != nullptr) first->owner->resume();
}

template <class A>
void basic_notification<A>::notify_all() noexcept {
  if (waiting_.load(std::memory_order_relaxed) == 0) return;
  basic_resume_list<A> claimed;
  {
    std::lock_guard const guard(lock_);
    for (bool found = true; found;) {
      if (node* const first = unlink_front(found)) claimed.push_back(*first);
    }
  }
  claimed.resume_all(placement::queue);
}

template <class A>
template <class Lock>
wake basic_notification<A>::wait(Lock& lock, park_reason reason, steady_time deadline) {
  waiter self;
  node place(self);
  add(place);
  try {
    lock.unlock();
  } catch (...) {  // lock_checks refused it
    // It is over at once, unless a notification has claimed it, whose resume must come first.
    if (self.park_until(reason, steady_time{}, interruptible::no) != wake::unparked) remove(place);
    throw;
  }
  wake const outcome = self.park_until(reason, deadline, interruptible::yes);
  if (outcome != wake::unparked) remove(place);
  lock.lock();
  return outcome;
}

template <class A>
void basic_notification<A>::add(node& added) noexcept {
  std::lock_guard const guard(lock_);
  queue_.push_back(added);
  add_to_waiting(1);
}

template <class A>
bool basic_notification<A>::bind(node& early, waiter& owner) noexcept {
  lock_.lock();
  if (early.linked) {
    early.owner = &owner;
    lock_.unlock();
    return true;
  }
  leave_and_unlock();
  return false;
}

template <class A>
void basic_notification<A>::remove(node& gone) noexcept {
  lock_.lock();
  queue_.remove(gone);
  leave_and_unlock();
}

/// The last to leave lets the destructor go on.
template <class A>
void basic_notification<A>::leave_and_unlock() noexcept {
  add_to_waiting(minus_one);
  bool const last = waiting_.load(std::memory_order_relaxed) == 0;
  node* const destroyer = last ? static_cast<node*>(destroyer_) : nullptr;
  bool const destroy = destroyer != nullptr && destroyer->owner->claim();
  lock_.unlock();
  if (destroy) destroyer->owner->resume();
}

template <class A>
void basic_notification<A>::add_to_waiting(std::uint32_t difference) noexcept {
  // Not an atomic addition: all writers hold the lock. relaxed: as said at waiting_.
  waiting_.store(waiting_.load(std::memory_order_relaxed) + difference, std::memory_order_relaxed);
}

extern template class basic_notification<std_wait_policy>;
using notification = basic_notification<std_wait_policy>;

/// A wait that begins before its owner can be bound: the user's unlock comes in between, and may
/// wait itself.
template <class A>
class basic_early_wait {
 public:
  explicit basic_early_wait(basic_notification<A>& at) noexcept : at_(at) { at_.add(node_); }
  basic_early_wait(basic_early_wait const&) = delete;
  basic_early_wait& operator=(basic_early_wait const&) = delete;
  ~basic_early_wait() {
    if (listed_) at_.remove(node_);
  }

  /// Once. A request to stop ends it too, as `unparked`: attach(f) sees to it that f is called for
  /// the request, once at most, for as long as what it returns exists.
  template <class Attach>
  wake wait(steady_time deadline, Attach attach);

 private:
  basic_notification<A>& at_;
  basic_wait_node<A> node_;
  bool listed_ = true;
};

template <class A>
template <class Attach>
wake basic_early_wait<A>::wait(steady_time deadline, Attach attach) {
  typename A::waiter self;
  typename A::template plain<bool> stopped = false;  // written by the winner of the claim
  // It touches nothing but this wait, so the condition variable may be gone before it ends.
  auto const stopping = attach([&self, &stopped]() noexcept {
    if (!self.claim()) return;
    stopped = true;
    self.resume();
  });
  listed_ = false;
  // Not bound: nobody but a stop knows this wait, and that is over when `stopping` has ended.
  if (!at_.bind(node_, self)) return wake::unparked;
  wake const outcome =
      self.park_until({"condition_variable_any", &at_}, deadline, interruptible::yes);
  if (outcome != wake::unparked || stopped) at_.remove(node_);
  return outcome;
}

using early_wait = basic_early_wait<std_wait_policy>;
/// early_wait::wait with a stop token.
wake wait_unless_stopped(early_wait& begun, steady_time deadline, std::stop_token const& stop);

}  // namespace ramie::detail
