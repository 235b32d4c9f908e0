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
#include <ramie/sync/event.hpp>

namespace ramie {

namespace detail {

struct select_access {
  template <class T>
  static channel_core<T>& core(channel_base<T>& given) noexcept {
    return given.core_;
  }
};

/// What both directions have in common. Node: that of channel_core for the direction.
template <class T, class Node>
class channel_case : public select_case {
 public:
  bool withdraw() noexcept final {
    if (!node_->claimed) {
      std::lock_guard const guard(core_.lock());
      queue_.remove(*node_);
      return false;
    }
    again_ = node_->how == channel_wake::again;
    if (!again_) {
      status_ = node_->how == channel_wake::closed ? channel_status::closed : channel_status::ok;
    }
    return !again_;
  }

 protected:
  channel_case(channel_core<T>& core, wait_queue& queue) noexcept
      : select_case(&core.lock()), core_(core), queue_(queue) {}

  /// A waiter that got nothing, because T threw on somebody else's stack, keeps its place.
  template <class Place>
  bool link(waiter& self, Place& place) noexcept {
    node_.emplace(self, place);
    std::exchange(again_, false) ? queue_.push_front(*node_) : queue_.push_back(*node_);
    return true;
  }

  /// Under all locks; `operation` is send_now or receive_now.
  template <class Operation>
  bool commit_with(held_locks& others, Operation operation) {
    typename channel_core<T>::guard lock(core_.lock(), std::adopt_lock);
    auto const done = operation(lock, [&] { others.keep_only(core_.lock()); });
    if (!done) {
      lock.release();
      return false;
    }
    status_ = *done;
    return true;
  }

  channel_core<T>& core_;
  channel_status status_ = channel_status::ok;  // how it was committed: ok or closed

 private:
  wait_queue& queue_;
  std::optional<Node> node_;
  bool again_ = false;
};

template <class T, class F>
class receive_case final : public channel_case<T, typename channel_core<T>::receiver> {
  using base = channel_case<T, typename channel_core<T>::receiver>;

 public:
  receive_case(channel_core<T>& core, F f) : base(core, core.receivers()), handler_(std::move(f)) {}

  bool ready() override { return this->core_.can_receive(); }
  bool try_commit(held_locks& others) override {
    return this->commit_with(others, [this](auto& lock, auto decided) {
      return this->core_.receive_now(lock, value_, decided);
    });
  }
  bool publish(waiter& self) noexcept override { return this->link(self, value_); }

  void handle() { std::invoke(handler_, std::exchange(value_, std::nullopt)); }

 private:
  F handler_;
  std::optional<T> value_;
};

/// Held: T, or T& for a value that stays the caller's until it is sent.
template <class T, class Held, class F>
class send_case final : public channel_case<T, typename channel_core<T>::sender> {
  using base = channel_case<T, typename channel_core<T>::sender>;

 public:
  template <class Value>
  send_case(channel_core<T>& core, Value&& value, F f)
      : base(core, core.senders()), value_(std::forward<Value>(value)), handler_(std::move(f)) {}

  bool ready() override { return this->core_.can_send(); }
  bool try_commit(held_locks& others) override {
    return this->commit_with(others, [this](auto& lock, auto decided) {
      return this->core_.send_now(lock, value_, decided);
    });
  }
  bool publish(waiter& self) noexcept override { return this->link(self, value_); }

  void handle() {
    if (this->status_ == channel_status::closed) throw channel_closed();
    std::invoke(handler_);
  }

 private:
  Held value_;
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

/// The next value: f is called with it; with nothing if the channel is closed and drained, which is
/// ready forever.
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
