// Where work comes in from outside, and where it goes when a ring is full.
//
// The inbox is a bounded lock-free queue with an unbounded list behind it. While the list holds
// something, new items go behind it: whatever is in the queue is older than the list, so taking
// from the queue first starves nobody and keeps the order, but for calls that run side by side.
//
// The queue publishes what it carries, as does the list's lock. The counts are only hints, and
// relaxed: that no item is overlooked by a worker that goes to sleep is the work of the fences in
// idle_set.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>

namespace ramie::detail {

/// An unbounded FIFO of items linked through `T* queue_next`. All members: any thread.
template <class T, class A, class Lock>
class basic_overflow_list {
 public:
  /// A chain linked through queue_next, whose last link is null.
  struct chain {
    T* first = nullptr;
    T* last = nullptr;
    std::size_t size = 0;
  };

  basic_overflow_list() noexcept = default;
  basic_overflow_list(basic_overflow_list const&) = delete;
  basic_overflow_list& operator=(basic_overflow_list const&) = delete;

  /// Returns how many there are then.
  std::size_t push_back(T* item) noexcept { return push_back_list(item, item, 1); }

  /// Adds a chain of `n` items, n > 0. The link of `last` is overwritten. Returns as push_back.
  std::size_t push_back_list(T* first, T* last, std::size_t n) noexcept {
    last->queue_next = nullptr;
    lock_.lock();
    if (items_.first == nullptr) {
      items_.first = first;
    } else {
      items_.last->queue_next = first;
    }
    items_.last = last;
    std::size_t const size = items_.size + n;
    resize(size);
    lock_.unlock();
    return size;
  }

  /// The oldest item, or null.
  T* pop_front() noexcept { return pop_front_n(1).first; }

  /// The oldest items, `n` at most.
  chain pop_front_n(std::size_t n) noexcept {
    chain taken;
    if (size() == 0 || n == 0) return taken;
    lock_.lock();
    taken.first = items_.first;
    for (T* item = items_.first; item != nullptr && taken.size < n; item = item->queue_next) {
      taken.last = item;
      ++taken.size;
    }
    if (taken.last != nullptr) {
      items_.first = taken.last->queue_next;
      taken.last->queue_next = nullptr;
      resize(items_.size - taken.size);
    }
    lock_.unlock();
    return taken;
  }

  /// Approximate: it overlooks no item that was pushed before the caller's sequentially consistent
  /// fence and that nobody takes meanwhile.
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  void resize(std::size_t size) noexcept {
    items_.size = size;
    size_.store(size, std::memory_order_relaxed);
  }

  Lock lock_;
  chain items_;  ///< Under lock_; its `last` means something only while `first` is not null.
  /// items_.size, for a look without the lock. Written under lock_.
  typename A::template atomic<std::size_t> size_{0};
};

/// `Queue`: a bounded multi-producer multi-consumer FIFO with `bool push(T*)` (false when full),
/// `std::size_t pop(std::span<T*>)` (how many it has taken) and `bool empty() const`, none of which
/// throws.
template <class T, class A, class Queue, class Lock>
class basic_inbox {
 public:
  basic_inbox() = default;
  basic_inbox(basic_inbox const&) = delete;
  basic_inbox& operator=(basic_inbox const&) = delete;

  /// Any thread. Never fails, drops or spins. Returns how many are in the list behind the queue
  /// then, which tells how far those who push are ahead: each number above 0 once on the way up.
  std::size_t push(T* item) noexcept {
    if (overflow_.size() == 0 && queue_.push(item)) return 0;
    return overflow_.push_back(item);
  }

  /// The oldest item, or null. Any thread.
  T* pop() noexcept {
    T* item = nullptr;
    return pop({&item, 1}) != 0 ? item : nullptr;
  }

  /// Fills the beginning of `out` with the oldest items and returns how many. Any thread.
  std::size_t pop(std::span<T*> out) noexcept {
    std::size_t taken = queue_.pop(out);
    T* left = overflow_.pop_front_n(out.size() - taken).first;
    for (; left != nullptr; left = left->queue_next) out[taken++] = left;
    return taken;
  }

  /// Approximate; overlooks no item in the sense of basic_overflow_list::size.
  bool empty() const noexcept { return queue_.empty() && overflow_.size() == 0; }

 private:
  Queue queue_;
  basic_overflow_list<T, A, Lock> overflow_;
};

}  // namespace ramie::detail
