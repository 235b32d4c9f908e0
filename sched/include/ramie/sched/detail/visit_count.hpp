// Counting those who are inside a runtime from outside, so that its end waits for them.
//
// Whoever makes a fiber runnable from outside is inside the runtime after it has handed the fiber
// over, too: to look for a sleeping worker and wake it. By then the fiber may have ended, as the
// last one. So the visit is counted before the fiber is handed over, hence before the fiber is
// counted as finished (spawn_gate.hpp): whoever has seen that all fibers have finished, and that
// none will follow, sees every visit that there ever was, and awaits the last.
#pragma once

#include <atomic>
#include <cstdint>

namespace ramie::detail {

template <class A>
class basic_visit_count {
 public:
  /// One visit, from before its fiber is handed over. Its end is its last touch: the runtime may be
  /// gone then.
  class visit {
   public:
    explicit visit(basic_visit_count& of) noexcept : of_(of) {
      of_.visits_.fetch_add(1, std::memory_order_relaxed);
    }
    visit(visit const&) = delete;
    visit& operator=(visit const&) = delete;
    ~visit() { of_.visits_.fetch_sub(1, A::order("V1", std::memory_order_release)); }

   private:
    basic_visit_count& of_;
  };

  basic_visit_count() noexcept = default;
  basic_visit_count(basic_visit_count const&) = delete;
  basic_visit_count& operator=(basic_visit_count const&) = delete;

  /// Returns when all visits have ended; what they did is visible. By who has seen that no fiber is
  /// left: no visit begins any more. One lasts for some instructions, or a thread's start.
  void await_none() const noexcept {
    for (unsigned round = 0; visits_.load(A::order("V2", std::memory_order_acquire)) != 0;
         ++round) {
      A::pause(round);
    }
  }

 private:
  /// How many last. Relaxed as they begin: the hand-over publishes that, and the finished count.
  typename A::template atomic<std::uint32_t> visits_{0};
};

}  // namespace ramie::detail
