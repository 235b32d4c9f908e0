// What mutex and timed_mutex share. The protocol: sync/DESIGN.md#mutex.
#pragma once

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/lock_watch.hpp>
#include <ramie/sync/detail/mutex_core.hpp>

namespace ramie::detail {

/// A mutex that tells the checks what happens to it. Kind::name: what they call it.
template <class Kind>
class watched_mutex {
 public:
  constexpr watched_mutex() noexcept = default;
  watched_mutex(watched_mutex const&) = delete;
  watched_mutex& operator=(watched_mutex const&) = delete;

  /// Waits until the mutex is free and takes it. Not a cancellation point. Throws nothing but
  /// std::system_error (resource_deadlock_would_occur), with lock_checks on, if the caller holds
  /// it.
  void lock() {
    watch().locking();
    core_.lock({Kind::name, this}, steady_time::max(), interruptible::no);
    watch().locked();
  }

  /// Takes the mutex if it is free. Never waits.
  bool try_lock() noexcept { return watch().locked(core_.try_lock()); }

  /// By the holder. Throws nothing but std::system_error (operation_not_permitted), with
  /// lock_checks on, if the caller is not.
  void unlock() {
    watch().unlocking();
    core_.unlock();
  }

 protected:
  ~watched_mutex() { watch().destroyed(); }

  bool lock_by(steady_time deadline) {
    wake const outcome = core_.lock({Kind::name, this}, deadline, interruptible::yes);
    if (outcome == wake::cancelled) throw_interruption();
    return watch().locked(outcome == wake::unparked);
  }

 private:
  lock_watch watch() const noexcept { return {this, Kind::name}; }

  mutex_core core_;
};

struct mutex_kind {
  static constexpr char const* name = "mutex";
};
struct timed_mutex_kind {
  static constexpr char const* name = "timed_mutex";
};

}  // namespace ramie::detail
