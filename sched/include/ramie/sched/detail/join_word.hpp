// The word in which a fiber and its join handle agree who waits, and who frees the fiber's record.
//
//   pending --await--> waiter            the joiner waits
//   waiter --withdraw--> pending         its wait timed out or was cancelled
//   pending --detach--> detached         the handle is gone: the finisher frees
//   pending, waiter --begin_finish--> claiming --end_finish--> finished
//   detached --begin_finish--> claiming  for good: the finisher is alone, and frees
//
// While the word says claiming, the finisher may touch the waiter, and the joiner does not leave
// await or withdraw. end_finish is the finisher's last touch of the record: whoever has seen
// finished may free it. So there is no reference count.
//
// At most one joiner and one handle use a word at a time, and a handle detaches only when nobody
// waits.
#pragma once

#include <atomic>
#include <cstdint>

namespace ramie::detail {

template <class A>
class basic_join_word {
 public:
  /// What the finisher found.
  struct finish {
    bool detached;  ///< The caller frees the record and does not call end_finish.
    void* waiter;   ///< To be claimed before end_finish and resumed after it; may be null.
  };

  basic_join_word() noexcept = default;
  basic_join_word(basic_join_word const&) = delete;
  basic_join_word& operator=(basic_join_word const&) = delete;

  /// Joiner: registers `waiter`, which is visible to the finisher as it is now. False: the fiber
  /// has finished, and its result is visible to the caller.
  bool await(void* waiter) noexcept {
    if (step(pending, reinterpret_cast<std::uintptr_t>(waiter),
             A::order("J1", std::memory_order_release))) {
      return true;
    }
    await_finished();
    return false;
  }

  /// Joiner: takes `waiter` back, for a wait that was not ended by the finisher. False: the fiber
  /// has finished meanwhile, its result is visible, and the finisher touches the waiter no more
  /// unless it has won its claim.
  bool withdraw(void* waiter) noexcept {
    if (step(reinterpret_cast<std::uintptr_t>(waiter), pending, std::memory_order_relaxed)) {
      return true;
    }
    await_finished();
    return false;
  }

  /// Finisher, once.
  finish begin_finish() noexcept {
    std::uintptr_t const old = word_.exchange(claiming, A::order("J2", std::memory_order_acquire));
    if (old == detached) return {true, nullptr};
    return {false, reinterpret_cast<void*>(old)};
  }

  /// Finisher, once, after the waiter was claimed and before it is resumed: the last touch.
  void end_finish() noexcept { word_.store(finished, A::order("J3", std::memory_order_release)); }

  /// Handle: leaves the record to the finisher. False: the fiber has finished, and the caller frees
  /// the record.
  bool detach() noexcept {
    if (step(pending, detached, A::order("J4", std::memory_order_release))) return true;
    await_finished();
    return false;
  }

  /// The same before anybody else knows of the fiber.
  void begin_detached() noexcept { word_.store(detached, std::memory_order_relaxed); }

  /// Whether the fiber has finished; if so its result is visible. By the holder of the handle.
  bool done() const noexcept {
    return word_.load(A::order("J5", std::memory_order_acquire)) == finished;
  }

 private:
  static constexpr std::uintptr_t pending = 0;
  static constexpr std::uintptr_t finished = 1;
  static constexpr std::uintptr_t claiming = 2;
  static constexpr std::uintptr_t detached = 3;

  bool step(std::uintptr_t from, std::uintptr_t to, std::memory_order order) noexcept {
    return word_.compare_exchange_strong(from, to, order, std::memory_order_relaxed);
  }

  /// The finisher is between begin_finish and end_finish, a few instructions apart, or done.
  void await_finished() const noexcept {
    for (unsigned round = 0; !done(); ++round) A::pause(round);
  }

  /// One of the four constants, or the address of the joiner's waiter, which is aligned to at least
  /// 4 and so none of them. Written by the joiner and the handle's holder on one side, by the
  /// finisher on the other.
  typename A::template atomic<std::uintptr_t> word_{pending};
};

}  // namespace ramie::detail
