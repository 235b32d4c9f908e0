// Bounding every wait of a scope.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/detail/wait_bounds.hpp>
#include <ramie/sched/timed_out.hpp>

namespace ramie {

/// Bounds all waits that its fiber, or plain OS thread, makes while it lives: once the time has
/// come, every wait that is a cancellation point ends, and each new one too, by the exception
/// `timed_out` (functions that take a std::error_code report errc::timed_out there). A call that
/// gets what it wants without waiting succeeds as ever.
///
/// Scopes nest, and the nearest deadline rules. Fibers spawned into a task_group, when_all or race
/// that was made inside the scope inherit its deadline; those of a plain `spawn` do not. Members
/// with a time-out of their own (`wait_for` and the like) return their status if that comes first,
/// and throw `timed_out` if the scope's does.
///
/// Made, used and destroyed by one fiber or thread, the innermost first. Setting a deadline costs
/// no lock, no allocation and no system call.
class [[nodiscard]] deadline_scope {
 public:
  /// From now on; none left if it is negative, no bound if it leads beyond the end of time.
  template <class Rep, class Period>
  explicit deadline_scope(std::chrono::duration<Rep, Period> const& duration) noexcept
      : deadline_scope(detail::deadline_after(duration), detail::current_bounds()) {}

  /// By any clock. It is translated to steady_clock now: setting the other clock later has no
  /// effect.
  template <class Clock, class Duration>
  explicit deadline_scope(std::chrono::time_point<Clock, Duration> const& deadline) noexcept
      : deadline_scope(detail::deadline_at(deadline), detail::current_bounds()) {}

  deadline_scope(deadline_scope const&) = delete;
  deadline_scope& operator=(deadline_scope const&) = delete;
  ~deadline_scope() { bounds_.deadline = outer_; }

  /// Whether this scope's own deadline has come; an enclosing one may have come before it.
  bool expired() const noexcept {
    return own_ != detail::steady_time::max() && detail::clock_now() >= own_;
  }

 private:
  deadline_scope(detail::steady_time deadline, detail::wait_bounds& bounds) noexcept
      : bounds_(bounds), outer_(bounds.deadline), own_(deadline) {
    if (own_ < outer_) bounds_.deadline = own_;
  }

  detail::wait_bounds& bounds_;
  detail::steady_time const outer_;
  detail::steady_time const own_;
};

}  // namespace ramie
