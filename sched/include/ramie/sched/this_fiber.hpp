// What a fiber asks of itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/fiber.hpp>

namespace ramie {

namespace detail {
/// False: interrupted.
bool sleep_until_steady(steady_time deadline);
void check_interrupted();
struct fiber_record;
}  // namespace detail

/// Keeps the fiber that made it on the OS thread it runs on, until the end of the scope. Scopes
/// nest. For code that keeps thread-local state across a wait. Does nothing on a plain OS thread.
class [[nodiscard]] pin_scope {
 public:
  pin_scope() noexcept;
  ~pin_scope();
  pin_scope(pin_scope const&) = delete;
  pin_scope& operator=(pin_scope const&) = delete;

 private:
  detail::fiber_record* fiber_;
};

/// The names of std::this_thread and more. From a plain OS thread they act on that thread.
namespace this_fiber {

/// Lets other fibers run first. Not a cancellation point.
void yield() noexcept;

/// The id of the fiber, or one that stands for the calling OS thread.
fiber::id get_id() noexcept;

/// The name that fiber_options gave, "" if none.
std::string name();

/// How many bytes of the fiber's stack have ever been touched, in whole pages; 0 on a plain thread.
/// A stack is warm from the fibers that used it before, so this is a bound from above. Asks the
/// kernel.
std::size_t stack_high_water() noexcept;

/// A cancellation point that does not wait: throws `cancelled` if the fiber has been asked to end,
/// else `timed_out` if the deadline of a scope has come; nothing while an exception unwinds the
/// stack. For loops that compute.
void check_cancelled();

/// Keeps the fiber on its OS thread for the life of the returned scope.
inline pin_scope pin() noexcept {
  return {};
}

/// Waits until `deadline` by its own clock. A cancellation point.
template <class Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> const& deadline) {
  do {
    if (!detail::sleep_until_steady(detail::deadline_at(deadline))) throw_interruption();
  } while (!detail::has_come(deadline));
}

/// Waits for at least `duration`; not at all if it is negative. Where a runtime has 64 and more
/// timers a millisecond to serve, and sleeps in between, they come up to 1 ms late. A cancellation
/// point.
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> const& duration) {
  if (!detail::sleep_until_steady(detail::deadline_after(duration))) throw_interruption();
}

}  // namespace this_fiber

namespace this_thread = this_fiber;

namespace this_worker {

/// The number of the worker that the calling fiber runs on now, in [0, workers); -1 on a thread
/// that is none.
int id() noexcept;

}  // namespace this_worker

}  // namespace ramie
