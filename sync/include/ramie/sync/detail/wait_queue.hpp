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
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/park.hpp>

namespace ramie::detail {

/// One waiter in one queue. All members are guarded by the lock of the queue, except that the
/// winner of the claim owns the node until it resumes the waiter.
struct wait_node {
  wait_node() noexcept = default;
  explicit wait_node(waiter& who) noexcept : owner(&who) {}

  waiter* owner = nullptr;
  wait_node* next = nullptr;
  wait_node* previous = nullptr;
  bool linked = false;
  bool claimed = false;  // For waiters in several queues: by this one. The winner of the claim's.
};

/// Claimed waiters that are still to be resumed, in order.
class resume_list {
 public:
  void push_back(wait_node& node) noexcept {
    node.next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = &node;
    tail_ = &node;
  }

  /// Called with no lock held. The nodes are gone afterwards.
  void resume_all(placement where) noexcept {
    for (wait_node* node = head_; node != nullptr;) {
      wait_node* const next = node->next;  // Read first: the node goes away with the resume.
      node->owner->resume(where);
      node = next;
    }
    head_ = tail_ = nullptr;
  }

 private:
  wait_node* head_ = nullptr;
  wait_node* tail_ = nullptr;
};

/// An intrusive doubly linked list. Guarded by the primitive's lock.
class wait_queue {
 public:
  bool empty() const noexcept { return head_ == nullptr; }
  wait_node* front() const noexcept { return head_; }

  void push_back(wait_node& node) noexcept {
    node.next = nullptr;
    node.previous = tail_;
    (tail_ != nullptr ? tail_->next : head_) = &node;
    tail_ = &node;
    node.linked = true;
  }

  /// For a waiter that keeps its place after a wake that brought it nothing.
  void push_front(wait_node& node) noexcept {
    node.previous = nullptr;
    node.next = head_;
    (head_ != nullptr ? head_->previous : tail_) = &node;
    head_ = &node;
    node.linked = true;
  }

  /// Does nothing if a waker has unlinked the node already. False then.
  bool remove(wait_node& node) noexcept {
    if (!node.linked) return false;
    (node.previous != nullptr ? node.previous->next : head_) = node.next;
    (node.next != nullptr ? node.next->previous : tail_) = node.previous;
    node.linked = false;
    return true;
  }

  /// Unlinks the first waiter whose claim succeeds and returns its node, for the caller to resume
  /// after it has released the lock; null if there is none. Those whose wait has already ended
  /// otherwise are unlinked on the way.
  wait_node* claim_front() noexcept {
    while (wait_node* const node = head_) {
      remove(*node);
      if (!node->owner->claim()) continue;
      node->claimed = true;
      return node;
    }
    return nullptr;
  }

  /// The same for all of them.
  resume_list claim_all() noexcept {
    resume_list claimed;
    while (wait_node* const node = claim_front()) claimed.push_back(*node);
    return claimed;
  }

 private:
  wait_node* head_ = nullptr;
  wait_node* tail_ = nullptr;
};

/// Steps 1 and 3 for a node that has been linked: `lock` guards the queue, is held when this is
/// called and free when it returns. After `unparked` the primitive may be gone.
wake park_linked(wait_queue& queue, wait_node& node, tiny_lock& lock, park_reason reason,
                 steady_time deadline, interruptible mode = interruptible::yes) noexcept;

}  // namespace ramie::detail
