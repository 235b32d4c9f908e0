// All of an event: a flag that can be waited for. The protocol: sync/DESIGN.md#waiting.
#pragma once

#include <mutex>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_policy.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

template <class A>
class basic_event_core {
 public:
  using lock_type = typename A::lock;

  /// `taken`: whether a wait that finds the flag set resets it. `what`: for dumps.
  basic_event_core(bool taken, const char* what) noexcept : taken_(taken), what_(what) {}
  basic_event_core(basic_event_core const&) = delete;
  basic_event_core& operator=(basic_event_core const&) = delete;

  /// The flag stays set, for all.
  void set_for_all() noexcept;
  /// For one who waits, or for the next to come.
  void set_for_one() noexcept;
  void reset() noexcept;
  /// `unparked`: the flag was set.
  wake wait(steady_time deadline) noexcept;

  // --- for those who wait for several things at once, and hold lock()

  lock_type& lock() noexcept { return lock_; }
  basic_wait_queue<A>& queue() noexcept { return queue_; }
  bool is_set() const noexcept { return set_; }
  /// Whether the flag is set, which it may be no more then.
  bool take() noexcept {
    bool const found = set_;
    if (taken_) set_ = false;
    return found;
  }

 private:
  lock_type lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
  // Guarded by lock_, so that a setter is done with *this once it is seen.
  typename A::template plain<bool> set_ = false;
  bool const taken_;
  const char* const what_;
};

template <class A>
void basic_event_core<A>::set_for_all() noexcept {
  basic_resume_list<A> claimed;
  {
    std::lock_guard const guard(lock_);
    set_ = true;
    claimed = queue_.claim_all();
  }
  claimed.resume_all(placement::queue);
}

template <class A>
void basic_event_core<A>::set_for_one() noexcept {
  lock_.lock();
  basic_wait_node<A>* const first = queue_.claim_front();
  if (first == nullptr) set_ = true;
  lock_.unlock();
  if (first != nullptr) first->owner->resume();
}

template <class A>
void basic_event_core<A>::reset() noexcept {
  std::lock_guard const guard(lock_);
  set_ = false;
}

template <class A>
wake basic_event_core<A>::wait(steady_time deadline) noexcept {
  lock_.lock();
  if (take()) {
    lock_.unlock();
    return wake::unparked;
  }
  typename A::waiter self;
  basic_wait_node<A> node(self);
  queue_.push_back(node);
  return park_linked(queue_, node, lock_, {what_, this}, deadline);
}

extern template class basic_event_core<std_wait_policy>;
using event_core = basic_event_core<std_wait_policy>;

}  // namespace ramie::detail
