// Two checks of the deque that Relacy lacks.
//
// Relacy performs the loads of a thread in program order, and takes the order of execution for the
// order of the sequentially consistent operations. C++ allows more:
//  - A thief's relaxed load of a slot may be performed late, and return what the owner has put
//  there
//    next ("load buffering"). It can't if the load happens before the owner's next store to the
//    slot.
//  - A thief's load of bottom_ may be performed before its load of top_, and miss that the owner
//  has
//    taken the item. It can't if the step that brought top_ to the item happens before that load.
// So this policy notes the slots' stores, the loads and the steps of top_, with vector clocks, and
// fails where one of the two "happens before" is missing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "relacy_atomics.hpp"

namespace ramie::models {

/// What has been done to one deque in one execution. It is no part of the model: none of its own
/// steps is a scheduling point.
class deque_history {
 public:
  explicit deque_history(std::size_t threads = 0) : threads_(threads) {}

  void on_slot_load(void const* slot) { slot_load_.at(self()) = {slot, now(), stores_}; }

  void on_index_load(std::int64_t value) {
    index_loads& loads = index_loads_.at(self());
    loads = {loads.last, value, clock()};
  }

  void on_step(std::int64_t to) { step_.at(static_cast<std::size_t>(to)) = {self(), now()}; }

  void on_store(void const* slot) {
    store& added = store_.at(stores_++);
    added = {slot, clock()};
    for (std::size_t i = 0; i < takes_; ++i) check_order(take_.at(i), added);
  }

  /// The calling thread's last load of a slot has taken an item.
  void on_take() {
    take& added = take_.at(takes_++);
    added = {slot_load_.at(self()), self()};
    for (std::size_t i = added.load.stores_before; i < stores_; ++i) {
      check_order(added, store_.at(i));
    }
  }

  /// The calling thread has tried to steal: its last two loads of indices were of top_ and bottom_.
  void on_steal_attempt() {
    index_loads const& loads = index_loads_.at(self());
    if (loads.before_last == 0) return;
    step const& top = step_.at(static_cast<std::size_t>(loads.before_last));
    RL_ASSERT(loads.at_last.at(top.thread) >= top.time);
  }

 private:
  static constexpr std::size_t max_threads = 4;
  static constexpr std::size_t max_events = 16;
  using vector_clock = std::array<rl::timestamp_t, max_threads>;

  struct slot_load {
    void const* slot = nullptr;
    rl::timestamp_t time = 0;
    std::size_t stores_before = 0;
  };
  struct take {
    slot_load load;
    std::size_t thread = 0;
  };
  struct store {
    void const* slot = nullptr;
    vector_clock seen{};
  };
  struct index_loads {
    std::int64_t before_last = 0;
    std::int64_t last = 0;
    vector_clock at_last{};
  };
  struct step {
    std::size_t thread = 0;
    rl::timestamp_t time = 0;
  };

  static std::size_t self() { return static_cast<std::size_t>(rl::ctx().threadx_->index_); }
  static rl::timestamp_t now() { return rl::ctx().threadx_->own_acq_rel_order_; }

  vector_clock clock() const {
    vector_clock seen{};
    for (std::size_t i = 0; i < threads_; ++i) seen.at(i) = rl::ctx().threadx_->acq_rel_order_[i];
    return seen;
  }

  static void check_order(take const& earlier, store const& later) {
    if (earlier.load.slot == later.slot) {
      RL_ASSERT(later.seen.at(earlier.thread) >= earlier.load.time);
    }
  }

  std::size_t threads_;
  std::array<slot_load, max_threads> slot_load_{};
  std::array<index_loads, max_threads> index_loads_{};
  std::array<step, max_events> step_{};
  std::array<take, max_events> take_{};
  std::array<store, max_events> store_{};
  std::size_t takes_ = 0;
  std::size_t stores_ = 0;
};
inline deque_history history;

template <class T>
class noted_slot : public checked_atomic<T> {
 public:
  using checked_atomic<T>::checked_atomic;

  T load(std::memory_order order, where at = where::current()) const {
    T const value = checked_atomic<T>::load(order, at);
    history.on_slot_load(this);
    return value;
  }
  void store(T value, std::memory_order order, where at = where::current()) {
    checked_atomic<T>::store(value, order, at);
    history.on_store(this);
  }
};

template <class T>
class noted_index : public checked_atomic<T> {
 public:
  using checked_atomic<T>::checked_atomic;

  T load(std::memory_order order, where at = where::current()) const {
    T const value = checked_atomic<T>::load(order, at);
    history.on_index_load(value);
    return value;
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order failure, where at = where::current()) {
    return note(desired, checked_atomic<T>::compare_exchange_strong(expected, desired, success,
                                                                    failure, at));
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure, where at = where::current()) {
    return note(desired,
                checked_atomic<T>::compare_exchange_weak(expected, desired, success, failure, at));
  }

 private:
  static bool note(T desired, bool stepped) {
    if (stepped) history.on_step(desired);
    return stepped;
  }
};

/// The deque's policy: its atomic pointers are the slots, its atomic integers are the indices.
struct deque_atomics : relacy_atomics {
  template <class T>
  using atomic = std::conditional_t<std::is_pointer_v<T>, noted_slot<T>, noted_index<T>>;
};

}  // namespace ramie::models
