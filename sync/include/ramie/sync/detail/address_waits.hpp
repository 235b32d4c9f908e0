// Those who wait for atomics to change. The protocol: sync/DESIGN.md#atomic-wait.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_policy.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

/// For any number of addresses.
template <class A>
class basic_address_waits {
 public:
  basic_address_waits() noexcept = default;
  basic_address_waits(basic_address_waits const&) = delete;
  basic_address_waits& operator=(basic_address_waits const&) = delete;

  /// Waits for a notification of the address, unless unchanged(), called once there is no missing
  /// one any more, is false: `unparked` in both cases. Nothing is touched at the address.
  template <class Unchanged>
  wake wait(void const* address, Unchanged const& unchanged);
  void notify_one(void const* address) noexcept;
  void notify_all(void const* address) noexcept;

 private:
  using waiter = typename A::waiter;

  struct node : basic_wait_node<A> {
    node(waiter& who, void const* where) noexcept : basic_wait_node<A>(who), address(where) {}

    void const* const address;
  };

  node* claim_at(void const* address) noexcept;

  /// A read-modify-write, though it changes nothing: if a waiter's comes later, that one sees what
  /// was written before this.
  bool anybody() noexcept {
    return interested_.fetch_add(0, A::order("A2", std::memory_order_release)) != 0;
  }

  typename A::lock lock_;
  basic_wait_queue<A> queue_;  // guarded by lock_
  // How many are in the queue, or about to look whether they must be. release [A2] in the notifier
  // pairs with acquire [A1] in the waiter, whichever read-modify-writes come in between.
  typename A::template atomic<std::size_t> interested_{0};
};

template <class A>
template <class Unchanged>
wake basic_address_waits<A>::wait(void const* address, Unchanged const& unchanged) {
  interested_.fetch_add(1, A::order("A1", std::memory_order_acquire));
  waiter self;
  node place(self, address);
  wake outcome = wake::unparked;
  lock_.lock();
  if (unchanged()) {
    queue_.push_back(place);
    outcome = park_linked(queue_, static_cast<basic_wait_node<A>&>(place), lock_,
                          {"atomic", address}, steady_time::max());
  } else {
    lock_.unlock();
  }
  // relaxed: at worst a notifier looks for nobody.
  interested_.fetch_sub(1, std::memory_order_relaxed);
  return outcome;
}

/// Under the lock: claims the first who waits for the address.
template <class A>
typename basic_address_waits<A>::node* basic_address_waits<A>::claim_at(
    void const* address) noexcept {
  for (basic_wait_node<A>* each = queue_.front(); each != nullptr;) {
    basic_wait_node<A>* const next = each->next;
    auto* const waiting = static_cast<node*>(each);
    if (waiting->address == address) {
      queue_.remove(*each);
      if (each->owner->claim()) return waiting;
    }
    each = next;
  }
  return nullptr;
}

template <class A>
void basic_address_waits<A>::notify_one(void const* address) noexcept {
  if (!anybody()) return;
  lock_.lock();
  node* const first = claim_at(address);
  lock_.unlock();
  if (first != nullptr) first->owner->resume();
}

template <class A>
void basic_address_waits<A>::notify_all(void const* address) noexcept {
  if (!anybody()) return;
  basic_resume_list<A> claimed;
  {
    std::lock_guard const guard(lock_);
    while (node* const each = claim_at(address)) claimed.push_back(*each);
  }
  claimed.resume_all(placement::queue);
}

extern template class basic_address_waits<std_wait_policy>;
using address_waits = basic_address_waits<std_wait_policy>;

}  // namespace ramie::detail
