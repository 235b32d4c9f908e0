// Futures: results that are provided once and waited for. The protocol: sync/DESIGN.md#future.
#pragma once

#include <chrono>
#include <future>
#include <system_error>
#include <type_traits>
#include <utility>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sync/detail/future_state.hpp>

namespace ramie {

using std::future_category;
using std::future_errc;
using std::future_error;
using std::future_status;
using std::launch;
using std::make_error_code;
using std::make_error_condition;
using std::swap;

template <class R>
class shared_future;

namespace detail {

struct future_access;

/// The waits of both kinds of future. Cancellation points, unless the result is there. They throw
/// future_error (no_state) if the future is not valid. A deferred call, which the first to wait
/// makes, is not interrupted by the waiter's cancellation or deadlines: its result is everybody's.
template <class R>
class future_base {
 public:
  bool valid() const noexcept { return static_cast<bool>(state_); }

  void wait() const { state_.required().wait(); }

  template <class Rep, class Period>
  std::future_status wait_for(std::chrono::duration<Rep, Period> const& timeout) const {
    return state_.required().wait_by(deadline_after(timeout));
  }
  /// Any clock: one that was set back is waited for again.
  template <class Clock, class Duration>
  std::future_status wait_until(std::chrono::time_point<Clock, Duration> const& deadline) const {
    for (;;) {
      std::future_status const status = state_.required().wait_by(deadline_at(deadline));
      if (status != std::future_status::timeout || has_come(deadline)) return status;
    }
  }

 protected:
  future_base() noexcept = default;
  explicit future_base(state_ptr<future_state<R>> state) noexcept : state_(std::move(state)) {}

  state_ptr<future_state<R>> state_;
};

}  // namespace detail

/// As std::future. A wait that is interrupted leaves it as it was; one that makes a deferred call
/// is not, until that has ended. The last future of an `async` call waits for its fiber when it
/// goes, and is not interrupted.
template <class R>
class future : public detail::future_base<R> {
 public:
  future() noexcept = default;
  future(future&&) noexcept = default;
  future(future const&) = delete;
  future& operator=(future&&) noexcept = default;
  future& operator=(future const&) = delete;
  ~future() = default;

  /// Waits, and gives the result or throws it. The future is not valid then.
  R get() {
    this->wait();
    auto const state = std::move(this->state_);
    return state->take();
  }

  shared_future<R> share() noexcept { return shared_future<R>(std::move(*this)); }

 private:
  friend struct detail::future_access;
  friend class shared_future<R>;
  explicit future(detail::state_ptr<detail::future_state<R>> state) noexcept
      : detail::future_base<R>(std::move(state)) {}
};

/// As std::shared_future.
template <class R>
class shared_future : public detail::future_base<R> {
 public:
  shared_future() noexcept = default;
  shared_future(shared_future const&) noexcept = default;
  shared_future(shared_future&&) noexcept = default;
  shared_future(future<R>&& other) noexcept : detail::future_base<R>(std::move(other.state_)) {}
  shared_future& operator=(shared_future const&) noexcept = default;
  shared_future& operator=(shared_future&&) noexcept = default;
  ~shared_future() = default;

  std::add_lvalue_reference_t<R const> get() const {
    this->wait();
    return this->state_->look();
  }
};

namespace detail {

/// For those who provide results.
struct future_access {
  template <class R>
  static future<R> make(state_ptr<future_state<R>> state) {
    state.required().retrieve();
    return future<R>(std::move(state));
  }
};

}  // namespace detail

}  // namespace ramie
