// A worker's run queue: its owner pushes and pops, every other worker may steal.
//
// After D. Chase and Y. Lev, "Dynamic circular work-stealing deque" (SPAA 2005), with the orders of
// N. M. Lê, A. Pop, A. Cohen and F. Zappa Nardelli, "Correct and efficient work-stealing for weak
// memory models" (PPoPP 2013), except that the ring is fixed and that the two fences are
// sequentially consistent operations.
//
// The items are ring_[i % Capacity] for i in [top_, bottom_). What keeps an item from being taken
// twice:
//  1. Whoever takes item i at the top moves top_ from i to i + 1 by an atomic step: one succeeds.
//  2. The owner takes item i at the bottom without such a step only when it has read a top_ below i
//     (D4) after it has stored i to bottom_ (D3). A thief that takes item i has read i from top_
//     and then a bottom_ above i (D8). Had it missed the owner's store, then D8 would come before
//     D3, D3 before D4, and D4 before the step (D9) that brought top_ to i, in the one order of the
//     sequentially consistent operations; but the thief has read top_ (D7) from that step before
//     D8. If the owner itself brought top_ to i (D5, D6), then after D3, and the thief sees that.
//  3. The owner reuses a slot only after it has seen (D1) top_ move past the item in it, and a
//  thief
//     has read the slot before it moved top_ (D9).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ramie::detail {

template <class T, class A, std::uint32_t Capacity>
class basic_work_deque {
  static_assert(Capacity > 0 && (Capacity & (Capacity - 1)) == 0, "a power of two");

 public:
  basic_work_deque() noexcept = default;
  basic_work_deque(basic_work_deque const&) = delete;
  basic_work_deque& operator=(basic_work_deque const&) = delete;

  /// Adds the newest item. Owner only. False, and nothing is done, when the ring is full.
  bool push(T* item) noexcept {
    std::int64_t const bottom = bottom_.load(std::memory_order_relaxed);
    if (bottom - known_top_ >= capacity) {
      known_top_ = top_.load(A::order("D1", std::memory_order_acquire));
      if (bottom - known_top_ >= capacity) return false;
    }
    slot(bottom).store(item, std::memory_order_relaxed);
    bottom_.store(bottom + 1, A::order("D2", std::memory_order_release));
    return true;
  }

  /// Takes the newest item, null if there is none. Owner only. `exclusive`: no thief exists, so
  /// that plain loads and stores do; a thief's first steal must happen after the last exclusive
  /// call.
  T* pop_back(bool exclusive) noexcept {
    std::int64_t const last = bottom_.load(std::memory_order_relaxed) - 1;
    if (top_.load(std::memory_order_relaxed) > last) return nullptr;
    if (exclusive) {
      bottom_.store(last, std::memory_order_relaxed);
      return slot(last).load(std::memory_order_relaxed);
    }
    bottom_.store(last, A::order("D3", std::memory_order_seq_cst));
    std::int64_t top = top_.load(A::order("D4", std::memory_order_seq_cst));
    if (top < last) return slot(last).load(std::memory_order_relaxed);
    // At most one item is left: the thieves may be after it too, and top_ decides.
    T* item = nullptr;
    if (top == last &&
        top_.compare_exchange_strong(top, top + 1, A::order("D5", std::memory_order_release),
                                     std::memory_order_relaxed)) {
      item = slot(last).load(std::memory_order_relaxed);
    }
    bottom_.store(last + 1, std::memory_order_relaxed);
    return item;
  }

  /// Takes the oldest item, null if there is none. Owner only; `exclusive` as for pop_back. It
  /// takes at the thieves' end and as they do, but knows bottom_ exactly: it needs no order but
  /// top_'s own.
  T* pop_front(bool exclusive) noexcept {
    std::int64_t const bottom = bottom_.load(std::memory_order_relaxed);
    std::int64_t top = top_.load(std::memory_order_relaxed);
    while (top < bottom) {
      T* const item = slot(top).load(std::memory_order_relaxed);
      if (exclusive) {
        top_.store(top + 1, std::memory_order_relaxed);
        return item;
      }
      if (top_.compare_exchange_weak(top, top + 1, A::order("D6", std::memory_order_release),
                                     std::memory_order_relaxed)) {
        return item;
      }
    }
    return nullptr;
  }

  /// The item `distance` behind the oldest one, or null. Owner only. A hint: a thief may have it by
  /// now.
  T* peek_front(std::uint32_t distance) noexcept {
    std::int64_t const at = top_.load(std::memory_order_relaxed) + distance;
    bool const there = at < bottom_.load(std::memory_order_relaxed);
    return there ? slot(at).load(std::memory_order_relaxed) : nullptr;
  }

  /// Takes the oldest item. Any thread. Null: the deque was empty at some moment of the call; after
  /// a lost race it tries again, which is lock-free, since the winner got an item.
  T* steal() noexcept {
    for (;;) {
      std::int64_t top = top_.load(A::order("D7", std::memory_order_acquire));
      if (top >= bottom_.load(A::order("D8", std::memory_order_seq_cst))) return nullptr;
      T* const item = slot(top).load(std::memory_order_relaxed);
      if (top_.compare_exchange_strong(top, top + 1, A::order("D9", std::memory_order_seq_cst),
                                       std::memory_order_relaxed)) {
        return item;
      }
    }
  }

  /// The number of items, approximately. Any thread. It overlooks no item that was pushed before
  /// the caller's sequentially consistent fence and that nobody takes meanwhile.
  std::uint32_t size() const noexcept {
    std::int64_t const top = top_.load(std::memory_order_relaxed);
    std::int64_t const bottom = bottom_.load(std::memory_order_relaxed);
    return bottom > top ? static_cast<std::uint32_t>(bottom - top) : 0;
  }

 private:
  static constexpr std::int64_t capacity = Capacity;
  static constexpr std::size_t cache_line = 64;
  using atomic_index = typename A::template atomic<std::int64_t>;
  using atomic_item = typename A::template atomic<T*>;

  atomic_item& slot(std::int64_t index) noexcept {
    return ring_[static_cast<std::uint64_t>(index) & (Capacity - 1)];
  }

  /// The oldest item's index; only grows. Moved by thieves and by the owner; read by push.
  alignas(cache_line) atomic_index top_{0};
  /// One past the newest item's index; top_ - 1 while pop_back finds out that there is none.
  /// Written by the owner, read by thieves.
  alignas(cache_line) atomic_index bottom_{0};
  /// The owner's last look at top_ with acquire: never above top_.
  std::int64_t known_top_ = 0;
  /// Written by the owner; a thief's read counts only if its step of top_ succeeds.
  alignas(cache_line) std::array<atomic_item, Capacity> ring_;
};

}  // namespace ramie::detail
