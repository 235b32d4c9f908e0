// A count that comes to zero once. The protocol: sync/DESIGN.md#latch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

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
  constexpr explicit latch(std::ptrdiff_t expected) noexcept
      : state_(static_cast<std::uint64_t>(expected) << 1) {}
  latch(latch const&) = delete;
  latch& operator=(latch const&) = delete;
  ~latch() = default;

  /// Takes `update` off the count, and wakes everybody who waits when it comes to zero. Throws
  /// std::system_error (invalid_argument) and changes nothing if the count would become negative,
  /// or would be raised.
  void count_down(std::ptrdiff_t update = 1);

  /// Whether the count is zero; never wrong.
  bool try_wait() const noexcept;

  /// Waits until the count is zero. A cancellation point unless it is.
  void wait() const { wait_for_zero(interruptible::yes); }

  /// count_down and wait in one. Not a cancellation point: it is an arrival, which counts.
  void arrive_and_wait(std::ptrdiff_t update = 1) {
    count_down(update);
    wait_for_zero(interruptible::no);
  }

 private:
  static constexpr std::uint64_t waited_for = 1;

  void wait_for_zero(interruptible mode) const;
  bool pass() const noexcept;

  mutable detail::tiny_lock lock_;
  mutable detail::wait_queue queue_;  // guarded by lock_
  // count << 1 | waited_for. The bit is set under lock_ while the count is not zero. With it, the
  // count comes to zero under lock_ only; whoever finds it there takes and releases the lock, so
  // that the last arrival is done with *this, and clears the bit. Without it, coming to zero is
  // the arrival's last touch.
  // [L1] release in count_down pairs with acquire [L2] in the one that brings it to zero and in
  // those that find it zero: what was done before any arrival is visible after the wait.
  mutable std::atomic<std::uint64_t> state_;
};

}  // namespace ramie
