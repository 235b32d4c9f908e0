// Counting fibers in and out, so that a shut-down knows when the last one is gone.
//
// Shut-down closes the gate, then compares the number of finished fibers with the number that
// entered. Every successful `enter` precedes the closing in the gate's own order of changes, so
// `entered` is then no less than the number of fibers ever let in, and the number of finished ones
// is no more: when the two are equal, no fiber is alive and none will be. A spawn that comes late
// is refused by the gate before it has touched any queue. This holds for the sum over several gates
// (one per worker, to keep cache lines apart), if all are closed before any is read.
#pragma once

#include <atomic>
#include <cstdint>

namespace ramie::detail {

template <class A>
class basic_spawn_gate {
 public:
  basic_spawn_gate() noexcept = default;
  basic_spawn_gate(basic_spawn_gate const&) = delete;
  basic_spawn_gate& operator=(basic_spawn_gate const&) = delete;

  /// Counts one fiber in. Any thread. False, and nothing is counted in the end, when it is closed.
  bool enter() noexcept {
    if ((word_.fetch_add(one_entered, std::memory_order_relaxed) & is_closed) == 0) return true;
    word_.fetch_sub(one_entered, std::memory_order_relaxed);
    return false;
  }

  /// Lets nobody in any more. Any thread; may be repeated.
  void close() noexcept { word_.fetch_or(is_closed, std::memory_order_relaxed); }

  bool closed() const noexcept { return (word_.load(std::memory_order_relaxed) & is_closed) != 0; }

  /// How many were let in. It may include some that are just being refused: never too few.
  std::uint64_t entered() const noexcept { return word_.load(std::memory_order_relaxed) >> 1; }

 private:
  static constexpr std::uint64_t is_closed = 1;
  static constexpr std::uint64_t one_entered = 2;

  /// entered << 1 | closed. Its partner is the sum of the finished counts.
  typename A::template atomic<std::uint64_t> word_{0};
};

/// How many fibers one worker has seen end.
template <class A>
class basic_finished_count {
 public:
  basic_finished_count() noexcept = default;
  basic_finished_count(basic_finished_count const&) = delete;
  basic_finished_count& operator=(basic_finished_count const&) = delete;

  /// One more fiber is gone. By the one thread that writes this count.
  void add_one() noexcept {
    count_.store(count_.load(std::memory_order_relaxed) + 1,
                 A::order("G1", std::memory_order_release));
  }

  /// Any thread. What those fibers did is visible to the caller.
  std::uint64_t get() const noexcept {
    return count_.load(A::order("G2", std::memory_order_acquire));
  }

 private:
  /// Only grows. One writer.
  typename A::template atomic<std::uint64_t> count_{0};
};

}  // namespace ramie::detail
