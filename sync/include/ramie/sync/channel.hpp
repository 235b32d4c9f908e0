// Queues of values between fibers and threads.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sync/channel_status.hpp>
#include <ramie/sync/detail/channel_core.hpp>
#include <ramie/sync/detail/wait_by_clock.hpp>

namespace ramie {

namespace detail {

/// The receiving side of both kinds of channel, and close.
template <class T>
class channel_base {
 public:
  channel_base(channel_base const&) = delete;
  channel_base& operator=(channel_base const&) = delete;

  /// Waits for the next value; empty: the channel is closed and drained. A cancellation point: it
  /// throws `cancelled` if it would have to wait.
  std::optional<T> receive() { return core_.receive(); }

  /// Never waits: ok, empty or closed.
  channel_result<T> try_receive() {
    channel_result<T> result;
    result.status = core_.receive(result.value, false, {});
    return result;
  }

  /// ok, timed_out or closed. A cancellation point, as receive.
  template <class Rep, class Period>
  channel_result<T> receive_for(std::chrono::duration<Rep, Period> const& timeout) {
    return receive_until(deadline_after(timeout));
  }
  template <class Clock, class Duration>
  channel_result<T> receive_until(std::chrono::time_point<Clock, Duration> const& deadline) {
    channel_result<T> result;
    wait_by_clock(deadline, [&](steady_time until) {
      result.status = core_.receive(result.value, true, until);
      return result.status != channel_status::timed_out;
    });
    return result;
  }

  /// Ends the channel: waiting senders and receivers are told, and what is buffered can still be
  /// received. Closing it again does nothing.
  void close() noexcept { core_.close(); }

  /// `for (T& value : channel)` receives until the channel is closed and drained.
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = T;

    explicit iterator(channel_base& from) : from_(&from), last_(std::in_place, from) {}
    T& operator*() const noexcept { return *last_->value; }
    iterator& operator++() {
      last_.emplace(*from_);
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return !last_ || !last_->value; }

   private:
    /// Made where it stays: the value is neither assigned nor moved once more.
    struct received {
      explicit received(channel_base& from) : value(from.receive()) {}
      std::optional<T> value;
    };

    channel_base* from_;
    mutable std::optional<received> last_;  // none if a receive has thrown
  };
  iterator begin() { return iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 protected:
  friend struct select_access;

  channel_base() noexcept = default;
  explicit channel_base(std::size_t capacity) : core_(capacity) {}
  ~channel_base() = default;

  channel_core<T> core_;
};

}  // namespace detail

/// A queue of at most `capacity` values; 0: a rendezvous, where a send waits until its value has
/// been received. All members may be called by any fiber or thread, in any mix; it may be destroyed
/// as soon as no call is left that has not returned. Waiting is a cancellation point; a call that
/// need not wait is not.
///
/// T is destructible and movable or copyable. It is moved at most twice between sender and
/// receiver; where one waits, straight from one stack to the other. T's move constructor and
/// destructor may be called under the channel's lock: they must neither wait nor use a channel.
/// If moving throws, the call whose value it was throws and the channel is as before.
template <class T>
class channel : public detail::channel_base<T> {
 public:
  /// Throws std::bad_alloc (std::bad_array_new_length for an absurd capacity).
  explicit channel(std::size_t capacity) : detail::channel_base<T>(capacity) {}

  /// Waits for room, or for a receiver. Throws channel_closed; the value is unmoved then.
  void send(T&& value) {
    if (this->core_.send(value, true, detail::steady_time::max()) == channel_status::closed) {
      throw channel_closed();
    }
  }
  void send(T const& value) requires std::copy_constructible<T> { send(T(value)); }

  /// Never waits: ok, full or closed. The value is moved from only if it is ok.
  channel_status try_send(T&& value) { return this->core_.send(value, false, {}); }
  channel_status try_send(T const& value) requires std::copy_constructible<T> {
    return try_send(T(value));
  }

  /// ok, timed_out or closed. The value is moved from only if it is ok.
  template <class Rep, class Period>
  channel_status send_for(T&& value, std::chrono::duration<Rep, Period> const& timeout) {
    return send_until(std::move(value), detail::deadline_after(timeout));
  }
  template <class Rep, class Period>
  requires std::copy_constructible<T> channel_status
  send_for(T const& value, std::chrono::duration<Rep, Period> const& timeout) {
    return send_for(T(value), timeout);
  }
  template <class Clock, class Duration>
  channel_status send_until(T&& value, std::chrono::time_point<Clock, Duration> const& deadline) {
    channel_status status{};
    detail::wait_by_clock(deadline, [&](detail::steady_time until) {
      status = this->core_.send(value, true, until);
      return status != channel_status::timed_out;
    });
    return status;
  }
  template <class Clock, class Duration>
  requires std::copy_constructible<T> channel_status
  send_until(T const& value, std::chrono::time_point<Clock, Duration> const& deadline) {
    return send_until(T(value), deadline);
  }
};

/// A queue that grows as needed: sending never waits. Otherwise as channel; growing may throw
/// std::bad_alloc, and the value is unmoved then. T can be copied unless its moves do not throw:
/// growing either succeeds or changes nothing.
template <class T>
class unbounded_channel : public detail::channel_base<T> {
 public:
  unbounded_channel() noexcept = default;

  /// Throws channel_closed; the value is unmoved then.
  void send(T&& value) {
    if (try_send(std::move(value)) == channel_status::closed) throw channel_closed();
  }
  void send(T const& value) requires std::copy_constructible<T> { send(T(value)); }

  /// ok or closed.
  channel_status try_send(T&& value) {
    static_assert(std::is_nothrow_move_constructible_v<T> || std::is_copy_constructible_v<T>,
                  "values would be lost if one threw as the channel grows");
    return this->core_.send(value, false, {});
  }
  channel_status try_send(T const& value) requires std::copy_constructible<T> {
    return try_send(T(value));
  }
};

}  // namespace ramie
