// The result of a fiber.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <type_traits>
#include <utility>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/detail/spawn.hpp>

namespace ramie {

/// The owner of a fiber's result: move-only, for one owner at a time. Like a std::thread that
/// cannot be forgotten: destroying one that was neither joined nor detached cancels the fiber and
/// waits for it, so that no fiber outlives the references it captured.
template <class T>
class [[nodiscard]] join_handle {
 public:
  /// An empty handle.
  join_handle() noexcept = default;
  join_handle(join_handle&& other) noexcept : fiber_(std::exchange(other.fiber_, nullptr)) {}
  join_handle& operator=(join_handle&& other) noexcept {
    if (this != &other) {
      abandon();
      fiber_ = std::exchange(other.fiber_, nullptr);
    }
    return *this;
  }
  ~join_handle() { abandon(); }

  /// Whether there is a fiber: false when default-constructed, moved from, joined or detached.
  bool valid() const noexcept { return fiber_ != nullptr; }

  /// Waits for the fiber and returns its result or throws its exception (`cancelled` if it ended by
  /// its own cancellation); the handle is empty then. A cancellation point: throws `cancelled` if
  /// the caller is cancelled first, and the handle stays valid. Throws std::future_error(no_state)
  /// when empty and std::system_error(resource_deadlock_would_occur) from the fiber itself.
  T join() {
    require();
    detail::join_fiber(*fiber_, interruptible::yes);
    return detail::take_result<T>(std::exchange(fiber_, nullptr));
  }

  /// Waits until the fiber has ended or the time has come. The fiber still has to be joined. A
  /// cancellation point. Throws like join.
  template <class Rep, class Period>
  std::future_status wait_for(std::chrono::duration<Rep, Period> const& timeout) {
    return wait(detail::deadline_after(timeout));
  }
  template <class Clock, class Duration>
  std::future_status wait_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    // Any clock: one that was set back has the fiber waited for again.
    while (wait(detail::deadline_at(deadline)) == std::future_status::timeout) {
      if (detail::has_come(deadline)) return std::future_status::timeout;
    }
    return std::future_status::ready;
  }

  /// Whether the fiber has ended. Throws std::future_error(no_state) when empty.
  bool done() const {
    require();
    return fiber_->join.done();
  }

  /// Asks the fiber to end at its next wait; does not wait for it. Throws
  /// std::future_error(no_state) when empty.
  void cancel() {
    require();
    detail::cancel_fiber(*fiber_);
  }

  /// Lets the fiber go on alone; the handle is empty then. What it still throws goes to the
  /// runtime's unhandled-exception handler. Throws std::future_error(no_state) when empty.
  void detach() {
    require();
    detail::detach_fiber(*std::exchange(fiber_, nullptr));
  }

  /// The id of the fiber, 0 when empty.
  std::uint64_t id() const noexcept {
    return valid() ? fiber_->id.load(std::memory_order_relaxed) : 0;
  }

 private:
  friend struct detail::handle_access;
  explicit join_handle(detail::fiber_record& fiber) noexcept : fiber_(&fiber) {}

  void require() const {
    if (!valid()) throw std::future_error(std::future_errc::no_state);
  }

  std::future_status wait(std::chrono::steady_clock::time_point deadline) {
    require();
    return detail::wait_fiber(*fiber_, deadline) ? std::future_status::ready
                                                 : std::future_status::timeout;
  }

  void abandon() noexcept {
    if (fiber_ != nullptr) detail::abandon_fiber(*std::exchange(fiber_, nullptr));
  }

  detail::fiber_record* fiber_ = nullptr;
};

}  // namespace ramie
