// What select knows of a case, and what a new kind of case has to supply. The protocol, with its
// proof sketch, stands in sched/DESIGN.md#select.
//
// A case is either *guarded* or *free*:
//  - guarded: whether it is ready changes under a tiny_lock only, and committing takes something
//    away (a value, a partner that waits). Whoever ends the wait in its name commits it.
//  - free: it has no such lock, and once ready it stays so until its handler runs, or can be looked
//    at again (a fiber has ended, a time has come, a descriptor is readable). Waking it is a hint:
//    select looks again.
//
// A round of select calls, in this order:
//  1. `ready` of the free cases, with no lock held;
//  2. with the locks of all guarded cases held, `try_commit` of the guarded ones, in random order
//     with the free ones that were ready, until one commits;
//  3. if none does: `publish` of the free cases with no lock held, then `ready` and `publish` of
//     the guarded ones with all locks held; the park; `withdraw` of all that were published.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/park.hpp>

namespace ramie::detail {

template <class Lock, class Waiter, class Random>
class basic_selection;

/// The locks that a select holds while its cases try to commit.
template <class Lock>
class basic_held_locks {
 public:
  /// Releases all but `mine`: called by the case that commits, before it moves or wakes anything.
  virtual void keep_only(Lock const& mine) noexcept = 0;

 protected:
  ~basic_held_locks() = default;
};

/// What every argument of select is: `otherwise` is nothing more.
struct select_option {
  bool enabled = true;
};

/// Lives on the selecting stack while select runs.
template <class Lock, class Waiter>
class basic_select_case : public select_option {
 public:
  basic_select_case(basic_select_case const&) = delete;
  basic_select_case& operator=(basic_select_case const&) = delete;

  /// Whether it could commit now. Guarded: under its lock, noexcept. Free: with no lock held and
  /// nothing published; throws what makes the select impossible.
  virtual bool ready() = 0;

  /// Guarded only. Under the locks of all cases: if it can commit it calls keep_only, commits,
  /// releases its own lock and returns true; throws only after keep_only, with its lock released.
  /// False: nothing has changed, the locks are still held.
  virtual bool try_commit(basic_held_locks<Lock>&) { return false; }

  /// Makes `self` known to whoever makes the case ready. Guarded: under its lock; true. Free: false
  /// if it may have become ready; `self` may have been published all the same.
  virtual bool publish(Waiter& self) noexcept = 0;

  /// Undoes publish, after the wait; with no lock held. True: the waker has committed this case. If
  /// so the case has not touched what it waited for, which may be gone.
  virtual bool withdraw() noexcept = 0;

 protected:
  explicit basic_select_case(Lock* lock = nullptr) noexcept : lock_(lock) {}
  virtual ~basic_select_case() = default;

  /// Where a free case publishes the waiter, unless it waits for nothing but its time: then 0.
  /// Known from `ready` on. Cases with the same source share what the first of them publishes.
  std::uintptr_t source_ = 0;
  /// When the wait has to end for the case's sake.
  steady_time due_ = steady_time::max();

 private:
  template <class, class, class>
  friend class basic_selection;

  Lock* lock_;              // null: free
  bool was_ready_ = false;  // of a free case, in this round
  bool published_ = false;
};

/// One argument of a select.
template <class Lock, class Waiter>
struct basic_select_place {
  basic_select_case<Lock, Waiter>* given;  // null: disabled, or `otherwise`
  std::size_t turn = 0;  // which one is tried when: all the turns are a permutation
};

using held_locks = basic_held_locks<tiny_lock>;
using select_case = basic_select_case<tiny_lock, waiter>;
using select_place = basic_select_place<tiny_lock, waiter>;

/// Commits one case and returns its place; `places.size()` if none can commit and it may not wait.
/// `locks`: room for one per place. Throws what a wait throws.
std::size_t select_among(std::span<select_place> places, std::span<tiny_lock*> locks,
                         bool may_wait);

}  // namespace ramie::detail
