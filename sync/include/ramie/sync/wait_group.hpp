// A count of what is still to be done, and a wait for its end.
#pragma once

#include <atomic>
#include <cstddef>

#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie {

/// A counter that can be waited for to come to zero; it may be used again then. All members may be
/// called by any fiber or thread. It may be destroyed as soon as a wait has returned, if nobody
/// adds to it any more and no other wait is left.
class wait_group {
 public:
  wait_group() noexcept = default;
  wait_group(wait_group const&) = delete;
  wait_group& operator=(wait_group const&) = delete;
  ~wait_group() = default;

  /// Adds n, which may be negative; wakes everybody who waits when the count comes to zero. Throws
  /// std::system_error and changes nothing if the count would become negative (invalid_argument) or
  /// too large (value_too_large).
  void add(std::ptrdiff_t n);

  /// add(-1).
  void done() { add(-1); }

  /// Waits until the count is zero. A cancellation point unless it is.
  void wait();

 private:
  void add_to_zero(std::ptrdiff_t n);

  detail::tiny_lock lock_;
  detail::wait_queue queue_;  // guarded by lock_
  // Not negative. It comes to zero under lock_ only, and waiters look at it under lock_ only: so
  // whoever brought it there is done with *this when a wait returns.
  // [W1] release in add pairs with acquire [W2] in the add that brings it to zero: what was done
  // before any done() is visible after the wait.
  std::atomic<std::ptrdiff_t> count_{0};
};

}  // namespace ramie
