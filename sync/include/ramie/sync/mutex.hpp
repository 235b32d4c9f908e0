// A mutex for fibers and threads: an atomic operation to lock and one to unlock while nobody
// contends. The protocol and its proof: sync/DESIGN.md#mutex.
#pragma once

#include <ramie/sync/detail/mutex_core.hpp>
#include <ramie/sync/detail/watched_mutex.hpp>
#include <ramie/sync/locks.hpp>

namespace ramie {

/// As std::mutex, for fibers and plain threads in any mix: a fiber that waits for it parks, a
/// thread blocks. Locking it twice from one fiber is a deadlock, and only its
/// holder may unlock it; lock_checks look after both. It may be unlocked on another worker than it
/// was locked on, and held across waits. It may be destroyed as soon as nobody holds it and no call
/// of `lock` is left that has not returned.
///
/// An unlocked mutex goes to whoever comes first, which is fast; a waiter that was woken
/// `max_passed_over` times and found the mutex taken is handed it directly the next time.
class mutex : public detail::watched_mutex<detail::mutex_kind> {
 public:
  /// How often a waiter may be woken in vain before the mutex is handed to it.
  static constexpr unsigned max_passed_over = detail::mutex_core::max_passed_over;
};

}  // namespace ramie
