// A lock for one writer or many readers. The protocol: sync/DESIGN.md#shared-mutex.
#pragma once

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/shared_mutex_core.hpp>
#include <ramie/sync/locks.hpp>

namespace ramie {

/// As std::shared_mutex, for fibers and plain threads in any mix. It may be unlocked on another
/// worker than it was locked on, and held across waits. It may be destroyed as soon as nobody holds
/// it and no call of a lock function is left that has not returned.
///
/// Neither side starves the other: newcomers queue behind whoever waits; a writer that leaves
/// admits all readers that wait, the last of the readers admits the first writer. So a reader waits
/// for at most one writer once those who hold the lock have left, and a writer for those writers
/// that came before it, with one round of readers before each. Hence a reader must not lock it
/// again.
class shared_mutex {
 public:
  constexpr shared_mutex() noexcept : core_("shared_mutex") {}
  shared_mutex(shared_mutex const&) = delete;
  shared_mutex& operator=(shared_mutex const&) = delete;
  ~shared_mutex() = default;

  /// Not a cancellation point, nor is lock_shared. Throws nothing.
  void lock() { core_.lock(detail::steady_time::max(), interruptible::no); }
  bool try_lock() noexcept { return core_.try_lock(); }
  void unlock() noexcept { core_.unlock(); }

  void lock_shared() { core_.lock_shared(detail::steady_time::max(), interruptible::no); }
  bool try_lock_shared() noexcept { return core_.try_lock_shared(); }
  void unlock_shared() noexcept { core_.unlock_shared(); }

 private:
  detail::shared_mutex_core core_;
};

}  // namespace ramie
