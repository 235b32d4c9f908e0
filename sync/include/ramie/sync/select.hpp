// The cases of select for channels and events.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <ramie/sched/select.hpp>
#include <ramie/sync/auto_reset_event.hpp>
#include <ramie/sync/channel.hpp>
#include <ramie/sync/detail/channel_case.hpp>
#include <ramie/sync/event.hpp>

namespace ramie {

namespace detail {

struct select_access {
  template <class T>
  static channel_core<T>& core(channel_base<T>& given) noexcept {
    return given.core_;
  }
};

template <class T, class F>
class receive_case final : public basic_receive_case<std_wait_policy, T> {
 public:
  receive_case(channel_core<T>& core, F f)
      : basic_receive_case<std_wait_policy, T>(core), handler_(std::move(f)) {}

  /// Straight from where it was received: a move before the handler's own could throw, and lose it.
  void handle() {
    struct emptied {  // for the next use, be it after an exception
      std::optional<T>& value;
      ~emptied() { value.reset(); }
    } const at_the_end{this->value_};
    std::invoke(handler_, std::move(this->value_));
  }

 private:
  F handler_;
};

template <class T, class Held, class F>
class send_case final : public basic_send_case<std_wait_policy, T, Held> {
 public:
  template <class Value>
  send_case(channel_core<T>& core, Value&& value, F f)
      : basic_send_case<std_wait_policy, T, Held>(core, std::forward<Value>(value)),
        handler_(std::move(f)) {}

  void handle() {
    if (this->status_ == channel_status::closed) throw channel_closed();
    std::invoke(handler_);
  }

 private:
  F handler_;
};

/// The case of an event without its handler.
class event_waiter : public select_case {
 public:
  bool ready() noexcept final { return core_.is_set(); }
  bool try_commit(held_locks& others) noexcept final;
  bool publish(waiter& self) noexcept final;
  bool withdraw() noexcept final;

 protected:
  explicit event_waiter(event_flag& flag) noexcept
      : select_case(&flag.core_.lock()), core_(flag.core_) {}

 private:
  event_core& core_;
  std::optional<wait_node> node_;
};

template <class F>
class event_case final : public event_waiter {
 public:
  event_case(event_flag& flag, F f) : event_waiter(flag), handler_(std::move(f)) {}

  void handle() { std::invoke(handler_); }

 private:
  F handler_;
};

}  // namespace detail

/// The next value: f is called with it, as an rvalue that is moved only if f does; with nothing if
/// the channel is closed and drained, which is ready forever.
template <class T, std::invocable<std::optional<T>> F>
auto on_receive(detail::channel_base<T>& from, F f) {
  return detail::receive_case<T, F>(detail::select_access::core(from), std::move(f));
}

/// `value` is sent: f is called with nothing. An rvalue of type T is moved from only then, and has
/// to exist until select has returned; of anything else the case makes a T of its own (of an rvalue
/// too if T is trivially copyable). On a closed
/// channel it is ready forever, and makes select throw channel_closed.
template <class T, class V, std::invocable F>
requires std::constructible_from<T, V>
auto on_send(detail::channel_base<T>& to, V&& value, F f) {
  constexpr bool stays = std::is_same_v<V, T> && !std::is_trivially_copyable_v<T>;
  using held = std::conditional_t<stays, T&, T>;
  if constexpr (stays) {
    return detail::send_case<T, held, F>(detail::select_access::core(to), value, std::move(f));
  } else {
    return detail::send_case<T, held, F>(detail::select_access::core(to), std::forward<V>(value),
                                         std::move(f));
  }
}

/// The event is set; an auto_reset_event is reset by that.
template <std::invocable F>
auto on_event(detail::event_flag& flag, F f) {
  return detail::event_case<F>(flag, std::move(f));
}

}  // namespace ramie
