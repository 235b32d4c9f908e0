// The run-next slot: the fiber that its worker is about to run, before all that is queued.
//
// Only the owner puts items in, and others only take them out. So a slot that the owner has found
// empty stays empty until it puts something in, and that is a plain store; whatever may find an
// item exchanges.
#pragma once

#include <atomic>

namespace ramie::detail {

template <class T, class A>
class basic_next_slot {
 public:
  basic_next_slot() noexcept = default;
  basic_next_slot(basic_next_slot const&) = delete;
  basic_next_slot& operator=(basic_next_slot const&) = delete;

  /// Puts `item` in, and returns what it pushes out, or null. Owner only. `alone`: nobody steals.
  T* push(T* item, bool alone) noexcept {
    T* const pushed_out = item_.load(std::memory_order_relaxed);
    // release, twice: publishes the item; pairs with the acquire in steal.
    if (pushed_out == nullptr || alone) {
      item_.store(item, A::order("N1", std::memory_order_release));
      return pushed_out;
    }
    return item_.exchange(item, A::order("N2", std::memory_order_release));
  }

  /// What is in it, or null. Owner only.
  T* take(bool alone) noexcept {
    // Relaxed, all: who put it there is the owner, or was it before, and hands over all it did.
    T* const item = item_.load(std::memory_order_relaxed);
    if (item == nullptr) return nullptr;
    if (!alone) return item_.exchange(nullptr, std::memory_order_relaxed);
    item_.store(nullptr, std::memory_order_relaxed);
    return item;
  }

  /// The same by any thread, which sees what the owner wrote before its push.
  T* steal() noexcept { return item_.exchange(nullptr, A::order("N3", std::memory_order_acquire)); }

  /// Approximate; any thread.
  bool empty() const noexcept { return item_.load(std::memory_order_relaxed) == nullptr; }

 private:
  // An item or null. The owner stores and exchanges, others exchange it for null.
  typename A::template atomic<T*> item_{nullptr};
};

}  // namespace ramie::detail
