// What shared_mutex and shared_timed_mutex share. The protocol: sync/DESIGN.md#shared-mutex.
#pragma once

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/lock_watch.hpp>
#include <ramie/sync/detail/shared_mutex_core.hpp>

namespace ramie::detail {

/// A shared mutex that tells the checks what happens to it. They throw as those of watched_mutex
/// do.
class watched_shared_mutex {
 public:
  /// kind: what the checks call it; static.
  constexpr explicit watched_shared_mutex(char const* kind) noexcept : core_(kind) {}
  watched_shared_mutex(watched_shared_mutex const&) = delete;
  watched_shared_mutex& operator=(watched_shared_mutex const&) = delete;

  /// Not a cancellation point, nor is lock_shared.
  void lock() {
    watch().locking();
    core_.lock(steady_time::max(), interruptible::no);
    watch().locked();
  }
  bool try_lock() noexcept { return watch().locked(core_.try_lock()); }
  void unlock() {
    watch().unlocking();
    core_.unlock();
  }

  void lock_shared() {
    watch().locking();
    core_.lock_shared(steady_time::max(), interruptible::no);
    watch().locked();
  }
  bool try_lock_shared() noexcept { return watch().locked(core_.try_lock_shared()); }
  void unlock_shared() {
    watch().unlocking();
    core_.unlock_shared();
  }

 protected:
  ~watched_shared_mutex() { watch().destroyed(); }

  bool lock_by(steady_time deadline) { return got_it(core_.lock(deadline, interruptible::yes)); }
  bool lock_shared_by(steady_time deadline) {
    return got_it(core_.lock_shared(deadline, interruptible::yes));
  }

 private:
  lock_watch watch() const noexcept { return {this, core_.what()}; }

  bool got_it(wake outcome) const {
    if (outcome == wake::cancelled) throw_interruption();
    return watch().locked(outcome == wake::unparked);
  }

  shared_mutex_core core_;
};

}  // namespace ramie::detail
