// Where the locks tell the checks (ramie/sync/lock_checks.hpp) what happens to them.
#pragma once

#include <atomic>

#include <ramie/sched/park.hpp>

namespace ramie::detail {

// Relaxed: it orders nothing, and changes only while no lock is in use.
extern constinit std::atomic<bool> locks_are_watched;

inline bool watching_locks() noexcept {
  return locks_are_watched.load(std::memory_order_relaxed);
}

/// One lock, as the checks know it. Cheap while they are off.
class lock_watch {
 public:
  /// kind: "mutex"; static.
  constexpr lock_watch(void const* address, char const* kind) noexcept
      : address_(address), kind_(kind) {}

  /// The caller is about to lock it, and to wait for that if need be. Throws std::system_error
  /// (resource_deadlock_would_occur) if the caller holds it; reports an order that could deadlock.
  void locking() const {
    if (watching_locks()) [[unlikely]]
      note_locking(address_, kind_);
  }

  /// Whether the caller has locked it.
  bool locked(bool is = true) const noexcept {
    if (watching_locks() && is) [[unlikely]]
      note_locked(address_, kind_);
    return is;
  }

  /// The caller is about to unlock it. Throws std::system_error (operation_not_permitted) if it
  /// does not hold it.
  void unlocking() const {
    if (watching_locks()) [[unlikely]]
      note_unlocking(address_, kind_);
  }

  /// It ends: reports whoever holds it.
  void destroyed() const noexcept {
    if (watching_locks()) [[unlikely]]
      note_destroyed(address_);
  }

 private:
  // Static, so that a watch whose lock is not watched needs no place in memory: the lock's next
  // atomic operation would wait for it to be written.
  static void note_locking(void const* address, char const* kind);
  static void note_locked(void const* address, char const* kind) noexcept;
  static void note_unlocking(void const* address, char const* kind);
  static void note_destroyed(void const* address) noexcept;

  void const* address_;
  char const* kind_;
};

/// A primitive ends while somebody waits for it, this waiter first: reports that, and aborts.
[[noreturn]] void report_destroyed_with_waiters(waiter const& first) noexcept;

}  // namespace ramie::detail
