// A lock for one writer or many readers that need not be waited for forever.
#pragma once

#include <chrono>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/shared_mutex_core.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>
#include <ramie/sync/locks.hpp>

namespace ramie {

/// As std::shared_timed_mutex; otherwise as ramie::shared_mutex. The timed forms are cancellation
/// points unless they need not wait. Readers that wait for a writer that gives up go on.
class shared_timed_mutex {
 public:
  constexpr shared_timed_mutex() noexcept : core_("shared_timed_mutex") {}
  shared_timed_mutex(shared_timed_mutex const&) = delete;
  shared_timed_mutex& operator=(shared_timed_mutex const&) = delete;
  ~shared_timed_mutex() = default;

  void lock() { core_.lock(detail::steady_time::max(), interruptible::no); }
  bool try_lock() noexcept { return core_.try_lock(); }
  void unlock() noexcept { core_.unlock(); }

  void lock_shared() { core_.lock_shared(detail::steady_time::max(), interruptible::no); }
  bool try_lock_shared() noexcept { return core_.try_lock_shared(); }
  void unlock_shared() noexcept { core_.unlock_shared(); }

  /// False: the time ran out first.
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> const& timeout) {
    return got_it(core_.lock(detail::deadline_after(timeout), interruptible::yes));
  }
  template <class Clock, class Duration>
  bool try_lock_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return detail::wait_by_clock(
        deadline, [this](auto until) { return got_it(core_.lock(until, interruptible::yes)); });
  }
  template <class Rep, class Period>
  bool try_lock_shared_for(std::chrono::duration<Rep, Period> const& timeout) {
    return got_it(core_.lock_shared(detail::deadline_after(timeout), interruptible::yes));
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return detail::wait_by_clock(deadline, [this](auto until) {
      return got_it(core_.lock_shared(until, interruptible::yes));
    });
  }

 private:
  static bool got_it(wake outcome) {
    if (outcome == wake::cancelled) throw_interruption();
    return outcome == wake::unparked;
  }

  detail::shared_mutex_core core_;
};

}  // namespace ramie
