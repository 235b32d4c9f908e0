// Parking: the one way in which anything in ramie waits, and the only door through which sync and
// io reach the scheduler's inside.
//
// A `waiter` is one blocking episode of a fiber, or of a plain OS thread. It lives on the stack of
// whoever waits. The protocol, with its proof sketch, stands in sched/DESIGN.md#parking:
//  1. The waiter is published (put into a queue or a slot, under that primitive's own lock).
//  2. Whoever ends the wait wins `claim` -- one caller does -- while the lock that keeps the waiter
//     alive is held, releases the lock, and then calls `resume`, which is the last touch.
//  3. `park` returns after that `resume`, never before it: so the primitive may be destroyed as
//  soon
//     as `park` has returned, and its waker touches it no more.
//  4. A waiter whose park ended in `timed_out` or `cancelled` takes itself out of the queue, under
//     the lock, before it goes out of scope.
#pragma once

#include <chrono>
#include <cstdint>
#include <system_error>

namespace ramie {

/// How a wait ended. `cancelled`: by the fiber's cancellation, or by the deadline of a scope around
/// the wait; throw_interruption tells which.
enum class wake : std::uint8_t { unparked, timed_out, cancelled };

/// What a waiter waits for: shown by dumps. `what` must be a string literal.
struct park_reason {
  const char* what = "parked";
  void const* object = nullptr;
};

/// Whether cancellation and the deadlines of enclosing scopes end the wait. `no`: the waits that
/// api semantics exempt.
enum class interruptible : bool { no, yes };

/// Where a resumed fiber goes on the resuming worker: before everything else, or behind what is
/// queued. A resume from outside the runtime goes to a worker's inbox either way.
enum class placement : std::uint8_t { next, queue };

namespace detail {
class parker;
struct waiter_access;
}  // namespace detail

class waiter {
 public:
  /// Binds the calling fiber, or the calling OS thread outside any fiber.
  waiter() noexcept;
  waiter(waiter const&) = delete;
  waiter& operator=(waiter const&) = delete;

  /// Waits until somebody's claim has won and they have called resume; returns what they claimed.
  /// Called by the waiter's own fiber or thread, once, and always after the waiter was published.
  wake park(park_reason reason, interruptible mode = interruptible::yes) noexcept;

  /// Same, and claims `timed_out` itself once `deadline` has come. max(): never.
  wake park_until(park_reason reason, std::chrono::steady_clock::time_point deadline,
                  interruptible mode = interruptible::yes) noexcept;

  /// Ends the wait with `outcome` if nobody has ended it before. Any thread; true for exactly one
  /// caller, who must call `resume` next. The caller makes sure that the waiter is still alive.
  [[nodiscard]] bool claim(wake outcome = wake::unparked) noexcept;

  /// Lets the claimed waiter go on. By the winner of `claim`, once. The waiter may be gone when
  /// this returns.
  void resume(placement where = placement::next) noexcept;

  /// claim and resume in one, for callers that hold no lock.
  bool unpark(placement where = placement::next) noexcept {
    if (!claim()) return false;
    resume(where);
    return true;
  }

  /// What it waits for, once it is parked: for reports. {"?", nullptr} for a plain OS thread. Any
  /// thread; the waiter is still alive.
  park_reason reason() const noexcept;

 private:
  friend struct detail::waiter_access;

  wake park_thread(std::chrono::steady_clock::time_point deadline, interruptible mode) noexcept;

  detail::parker* parker_;
  std::uint64_t episode_;
};

/// What a primitive does, after it has taken its waiter out, when a park returned wake::cancelled:
/// throws `cancelled` if the calling fiber has been asked to end, else `timed_out`.
[[noreturn]] void throw_interruption();

/// The same for functions that report a time-out in an error code: errc::timed_out, or it throws
/// `cancelled`.
std::error_code interruption_code();

}  // namespace ramie
