// The waiters of one primitive, first come first served.
//
// How every primitive of sync waits (the proof stands in sync/DESIGN.md#waiting):
//  1. The waiter links a node, which lives on its own stack, under the primitive's lock, and parks.
//  2. A waker unlinks the node and claims it under that lock, releases the lock, and then resumes
//     it: the last touch of anything.
//  3. A waiter whose park was not ended by a waker takes the lock and unlinks itself, before its
//     node goes away. The waker may have unlinked it before, and lost the claim.
#pragma once

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_policy.hpp>

namespace ramie::detail {

/// One waiter in one queue. All members are guarded by the lock of the queue, except that the
/// winner of the claim owns the node until it resumes the waiter.
template <class A>
struct basic_wait_node {
  using waiter = typename A::waiter;
  template <class T>
  using plain = typename A::template plain<T>;

  basic_wait_node() noexcept = default;
  explicit basic_wait_node(waiter& who) noexcept : owner(&who) {}

  plain<waiter*> owner = nullptr;
  plain<basic_wait_node*> next = nullptr;
  plain<basic_wait_node*> previous = nullptr;
  plain<bool> linked = false;
  /// For waiters in several queues: by this one. The winner of the claim's.
  plain<bool> claimed = false;
};

/// Claimed waiters that are still to be resumed, in order.
template <class A>
class basic_resume_list {
 public:
  using node = basic_wait_node<A>;

  void push_back(node& added) noexcept {
    added.next = nullptr;
    if (tail_ != nullptr) {
      tail_->next = &added;
    } else {
      head_ = &added;
    }
    tail_ = &added;
  }

  /// Called with no lock held. The nodes are gone afterwards.
  void resume_all(placement where) noexcept {
    for (node* each = head_; each != nullptr;) {
      node* const next = each->next;  // Read first: the node goes away with the resume.
      each->owner->resume(where);
      each = next;
    }
    head_ = tail_ = nullptr;
  }

 private:
  node* head_ = nullptr;
  node* tail_ = nullptr;
};

/// An intrusive doubly linked list. Guarded by the primitive's lock.
template <class A>
class basic_wait_queue {
 public:
  using node = basic_wait_node<A>;

  constexpr basic_wait_queue() noexcept = default;
  basic_wait_queue(basic_wait_queue const&) = delete;
  basic_wait_queue& operator=(basic_wait_queue const&) = delete;
  /// At its primitive's end nobody may wait.
  ~basic_wait_queue() {
    if (!empty()) A::destroyed_with_waiters(*head_->owner);
  }

  bool empty() const noexcept { return head_ == nullptr; }
  node* front() const noexcept { return head_; }

  void push_back(node& added) noexcept {
    added.next = nullptr;
    added.previous = tail_;
    (tail_ != nullptr ? tail_->next : head_) = &added;
    tail_ = &added;
    added.linked = true;
  }

  /// For a waiter that keeps its place after a wake that brought it nothing.
  void push_front(node& added) noexcept {
    added.previous = nullptr;
    added.next = head_;
    (head_ != nullptr ? head_->previous : tail_) = &added;
    head_ = &added;
    added.linked = true;
  }

  /// Does nothing if a waker has unlinked the node already. False then.
  bool remove(node& gone) noexcept {
    if (!gone.linked) return false;
    (gone.previous != nullptr ? gone.previous->next : head_) = gone.next;
    (gone.next != nullptr ? gone.next->previous : tail_) = gone.previous;
    gone.linked = false;
    return true;
  }

  /// Unlinks the first waiter whose claim succeeds and returns its node, for the caller to resume
  /// after it has released the lock; null if there is none. Those whose wait has already ended
  /// otherwise are unlinked on the way.
  node* claim_front() noexcept {
    while (node* const first = head_) {
      remove(*first);
      if (!first->owner->claim()) continue;
      first->claimed = true;
      return first;
    }
    return nullptr;
  }

  /// The same for all of them.
  basic_resume_list<A> claim_all() noexcept {
    basic_resume_list<A> claimed;
    while (node* const first = claim_front()) claimed.push_back(*first);
    return claimed;
  }

 private:
  template <class T>
  using plain = typename A::template plain<T>;

  plain<node*> head_ = nullptr;
  plain<node*> tail_ = nullptr;
};

/// Steps 1 and 3 for a node that has been linked: `lock` guards the queue, is held when this is
/// called and free when it returns. After `unparked` the primitive may be gone.
template <class A>
wake park_linked(basic_wait_queue<A>& queue, basic_wait_node<A>& node, typename A::lock& lock,
                 park_reason reason, steady_time deadline,
                 interruptible mode = interruptible::yes) noexcept {
  lock.unlock();
  wake const outcome = node.owner->park_until(reason, deadline, mode);
  if (outcome != wake::unparked) {
    lock.lock();
    queue.remove(node);
    lock.unlock();
  }
  return outcome;
}

using wait_node = basic_wait_node<std_wait_policy>;
using resume_list = basic_resume_list<std_wait_policy>;
using wait_queue = basic_wait_queue<std_wait_policy>;

extern template wake park_linked<std_wait_policy>(wait_queue&, wait_node&, tiny_lock&, park_reason,
                                                  steady_time, interruptible) noexcept;

}  // namespace ramie::detail
