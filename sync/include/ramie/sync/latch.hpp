// A count that comes to zero once. The protocol: sync/DESIGN.md#latch.
#pragma once

#include <cstddef>
#include <limits>

#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/latch_core.hpp>

namespace ramie {

/// As std::latch, for fibers and threads. All members but the destructor may be called by any fiber
/// or thread. It may be destroyed as soon as a wait has returned (or try_wait has returned true),
/// if no other wait is left.
class latch {
 public:
  static constexpr std::ptrdiff_t max() noexcept {
    return std::numeric_limits<std::ptrdiff_t>::max();
  }

  /// Requires 0 <= expected.
  constexpr explicit latch(std::ptrdiff_t expected) noexcept : core_(expected) {}
  latch(latch const&) = delete;
  latch& operator=(latch const&) = delete;
  ~latch() = default;

  /// Takes `update` off the count, and wakes everybody who waits when it comes to zero. Throws
  /// std::system_error (invalid_argument) and changes nothing if the count would become negative,
  /// or would be raised.
  void count_down(std::ptrdiff_t update = 1) { core_.count_down(update); }

  /// Whether the count is zero; never wrong.
  bool try_wait() const noexcept { return core_.pass(); }

  /// Waits until the count is zero. A cancellation point unless it is.
  void wait() const {
    if (core_.wait(interruptible::yes) == wake::cancelled) throw_interruption();
  }

  /// count_down and wait in one. Not a cancellation point: it is an arrival, which counts.
  void arrive_and_wait(std::ptrdiff_t update = 1) {
    core_.count_down(update);
    core_.wait(interruptible::no);
  }

 private:
  mutable detail::latch_core core_;
};

}  // namespace ramie
