// Semaphores. The protocol: sync/DESIGN.md#semaphore.
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/semaphore_core.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>

namespace ramie {

/// As std::counting_semaphore, for fibers and threads. All members but the destructor may be called
/// by any fiber or thread. Whoever waits is served in order, and a release gives to those who wait
/// before anybody else can take. It may be destroyed as soon as what was released has been
/// acquired, if no call is left that has not returned.
///
/// acquire and its timed forms are cancellation points unless there is something to acquire; a
/// cancelled one has acquired nothing.
template <std::ptrdiff_t least_max_value = std::numeric_limits<std::ptrdiff_t>::max()>
class counting_semaphore {
  static_assert(least_max_value >= 0);

 public:
  static constexpr std::ptrdiff_t max() noexcept { return least_max_value; }

  /// Requires 0 <= desired <= max().
  constexpr explicit counting_semaphore(std::ptrdiff_t desired) noexcept : core_(desired) {}
  counting_semaphore(counting_semaphore const&) = delete;
  counting_semaphore& operator=(counting_semaphore const&) = delete;
  ~counting_semaphore() = default;

  /// Throws std::system_error and changes nothing if update is negative (invalid_argument) or the
  /// count would exceed max() (value_too_large).
  void release(std::ptrdiff_t update = 1) { core_.release(update, max()); }

  void acquire() { acquire_by(detail::steady_time::max()); }

  /// Never waits, and fails only if there is nothing to acquire.
  bool try_acquire() noexcept { return core_.try_acquire(); }

  /// False: the time ran out first.
  template <class Rep, class Period>
  bool try_acquire_for(std::chrono::duration<Rep, Period> const& timeout) {
    return core_.try_acquire() || acquire_by(detail::deadline_after(timeout));
  }
  template <class Clock, class Duration>
  bool try_acquire_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    return core_.try_acquire() ||
           detail::wait_by_clock(deadline, [this](auto until) { return acquire_by(until); });
  }

 private:
  bool acquire_by(detail::steady_time deadline) {
    wake const outcome = core_.acquire(deadline);
    if (outcome == wake::cancelled) throw_interruption();
    return outcome == wake::unparked;
  }

  detail::semaphore_core core_;
};

using binary_semaphore = counting_semaphore<1>;

}  // namespace ramie
