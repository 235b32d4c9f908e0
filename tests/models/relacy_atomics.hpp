// The atomics policy under which Relacy checks the protocols, and what their models are made of.
//
// Relacy (Debian's relacy-dev) runs a test's threads as coroutines of one thread, under a scheduler
// that either enumerates the interleavings up to a number of preemptions or draws them at random;
// loads may return old values as far as C++11 allows it, and plain data is checked for races.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "memory_state.hpp"
#include "relacy_checks.hpp"
#include "relacy_include.hpp"

namespace ramie::models {

/// The one memory order that is weaker than written in this run, by its tag; none if empty.
struct weakening {
  std::string tag;
  std::memory_order order = std::memory_order_relaxed;
};
inline weakening mutant;

inline rl::memory_order to_relacy(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return rl::mo_relaxed;
    case std::memory_order_consume:
      return rl::mo_consume;
    case std::memory_order_acquire:
      return rl::mo_acquire;
    case std::memory_order_release:
      return rl::mo_release;
    case std::memory_order_acq_rel:
      return rl::mo_acq_rel;
    case std::memory_order_seq_cst:
      break;
  }
  return rl::mo_seq_cst;
}

/// As memory_state.hpp knows an order.
inline unsigned to_memory(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return memory_state::relaxed;
    case std::memory_order_consume:
    case std::memory_order_acquire:
      return memory_state::acquire;
    case std::memory_order_release:
      return memory_state::release;
    case std::memory_order_acq_rel:
      return memory_state::acquire | memory_state::release;
    case std::memory_order_seq_cst:
      break;
  }
  return memory_state::sequential;
}

/// std::atomic's interface, as far as the protocols use it, over rl::atomic.
template <class T>
class checked_atomic {
 public:
  checked_atomic() : checked_atomic(T{}) {}
  checked_atomic(T value) : value_(value), name_(memory.make_atomic(bits(value))) {}
  checked_atomic(checked_atomic const&) = delete;
  checked_atomic& operator=(checked_atomic const&) = delete;

  T load(std::memory_order order, where at = where::current()) const {
    T const value = value_.load(to_relacy(order), loop_watch::step(at));
    memory.load(name_, bits(value), to_memory(order));
    return value;
  }
  void store(T value, std::memory_order order, where at = where::current()) {
    value_.store(value, to_relacy(order), loop_watch::step(at));
    memory.store(name_, bits(value), to_memory(order));
  }
  T exchange(T value, std::memory_order order, where at = where::current()) {
    return stepped(value_.exchange(value, to_relacy(order), loop_watch::step(at)), order);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order failure, where at = where::current()) {
    return compare_exchange<false>(expected, desired, success, failure, at);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure, where at = where::current()) {
    return compare_exchange<true>(expected, desired, success, failure, at);
  }
  T fetch_add(T value, std::memory_order order, where at = where::current()) {
    return stepped(value_.fetch_add(value, to_relacy(order), loop_watch::step(at)), order);
  }
  T fetch_sub(T value, std::memory_order order, where at = where::current()) {
    return stepped(value_.fetch_sub(value, to_relacy(order), loop_watch::step(at)), order);
  }
  T fetch_and(T value, std::memory_order order, where at = where::current()) {
    return stepped(value_.fetch_and(value, to_relacy(order), loop_watch::step(at)), order);
  }
  T fetch_or(T value, std::memory_order order, where at = where::current()) {
    return stepped(value_.fetch_or(value, to_relacy(order), loop_watch::step(at)), order);
  }

 private:
  template <bool Weak>
  bool compare_exchange(T& expected, T desired, std::memory_order success,
                        std::memory_order failure, where const& at) {
    T const wanted = expected;
    if (value_.compare_exchange(rl::bool_t<Weak>(), expected, desired, to_relacy(success),
                                to_relacy(failure), loop_watch::step(at))) {
      stepped(wanted, success);
      return true;
    }
    memory.failed_exchange(name_, bits(expected), to_memory(failure));
    return false;
  }

  T stepped(T before, std::memory_order order) {
    memory.exchange(name_, bits(value_.debug_value()), bits(before), to_memory(order));
    return before;
  }

  /// Pointers point into the model as this does: what they have in common with other runs is the
  /// distance.
  std::uint64_t bits(T value) const {
    if constexpr (std::is_pointer_v<T>) {
      return value == nullptr
                 ? 0
                 : reinterpret_cast<std::uintptr_t>(value) - reinterpret_cast<std::uintptr_t>(this);
    } else {
      return static_cast<std::uint64_t>(value);
    }
  }

  rl::atomic<T> value_;
  memory_state::name const name_;
};

/// The policy. See ramie/sched/atomics.hpp for the one that ships.
struct relacy_atomics {
  template <class T>
  using atomic = checked_atomic<T>;

  static std::memory_order order(std::string_view tag, std::memory_order written) {
    return tag == mutant.tag ? mutant.order : written;
  }

  static void fence(std::string_view tag, std::memory_order written, where at = where::current()) {
    std::memory_order const actual = order(tag, written);
    if (actual == std::memory_order_relaxed) return;
    rl::atomic_thread_fence(to_relacy(actual), loop_watch::step(at));
    memory.fence(to_memory(actual));
  }

  /// Between the rounds of a loop that does nothing but look.
  static void pause(unsigned round, where at = where::current()) {
    memory.begin_pause(round);
    rl::yield(1, loop_watch::step(at));
    memory.end_pause();
  }
};

/// Plain data: Relacy reports two accesses, one of them a write, that nothing orders.
template <class T>
class plain {
 public:
  plain() : plain(T{}) {}
  explicit plain(T value) : value_(value) {}
  T get(where at = where::current()) const {
    T const value = value_(loop_watch::access(at));
    memory.read_plain(name_);
    return value;
  }
  void set(T value, where at = where::current()) {
    value_(loop_watch::access(at)) = value;
    memory.write_plain(name_);
  }

 private:
  mutable rl::var<T> value_;
  memory_state::name const name_ = memory.make_plain();
};

/// A thread of a model is here, and what it does next depends on `local` alone.
inline void here(unsigned local = 0, where at = where::current()) {
  memory.reached(mixed(at.line, local));
}

/// Another thread may run here, though the next thing is plain data.
inline void let_others_run() {
  rl::ctx().sched();
  memory.pass();
}

/// A token that a thread sleeps on: the scheduler's hand-over of a fiber, or a futex. A sleeper
/// that nobody wakes is reported as a deadlock.
class token {
 public:
  token() { semaphore_.init(false, 0, 16, info(where::current())); }
  ~token() { semaphore_.deinit(info(where::current())); }
  token(token const&) = delete;
  token& operator=(token const&) = delete;

  void post(where at = where::current()) {
    semaphore_.signal(loop_watch::step(at));
    memory.post(name_);
  }
  void wait(where at = where::current()) {
    memory.begin_wait(name_);
    semaphore_.wait(false, false, loop_watch::step(at));
    memory.end_wait(name_);
  }

 private:
  struct tag;
  rl::semaphore<tag> semaphore_;
  memory_state::name const name_ = memory.make_object();
};

/// A lock that blocks.
class model_lock {
 public:
  void lock(where at = where::current()) {
    memory.begin_wait(name_);
    mutex_.lock(loop_watch::step(at));
    memory.locked(name_);
  }
  void unlock(where at = where::current()) {
    mutex_.unlock(loop_watch::step(at));
    memory.unlocked(name_);
  }

 private:
  rl::mutex mutex_;
  memory_state::name const name_ = memory.make_object();
};

}  // namespace ramie::models
