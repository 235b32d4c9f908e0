// A count of what is still to be done, and a wait for its end.
#pragma once

#include <cstddef>

#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/wait_group_core.hpp>

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
  void add(std::ptrdiff_t n) { core_.add(n); }

  /// add(-1).
  void done() { core_.add(-1); }

  /// Waits until the count is zero. A cancellation point unless it is.
  void wait() {
    if (core_.wait() == wake::cancelled) throw_interruption();
  }

 private:
  detail::wait_group_core core_;
};

}  // namespace ramie
