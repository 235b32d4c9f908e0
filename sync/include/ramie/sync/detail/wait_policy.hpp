// What the protocols of sync are made of.
//
// Every protocol here is a template over an atomics policy (ramie/sched/atomics.hpp) that can wait:
// one that names, beside the atomics, a lock and a waiter. `std_wait_policy` is the one that ships;
// the models (docs/MODELS.md) have their own.
#pragma once

#include <ramie/sched/atomics.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/lock_watch.hpp>

namespace ramie::detail {

struct std_wait_policy : std_atomics {
  using lock = tiny_lock;
  using waiter = ramie::waiter;

  /// Data without an order of its own: a lock guards it, or whoever has won a claim. The models
  /// report an access that nothing orders.
  template <class T>
  using plain = T;

  [[noreturn]] static void throw_interruption() { ramie::throw_interruption(); }

  /// A primitive ends while others wait for it.
  static void destroyed_with_waiters(waiter const& first) noexcept {
    if (watching_locks()) report_destroyed_with_waiters(first);
  }
};

}  // namespace ramie::detail
