// The cases of select for channels, without their handlers. The protocol: sched/DESIGN.md#select.
#pragma once

#include <mutex>
#include <optional>
#include <utility>

#include <ramie/sched/detail/select_case.hpp>
#include <ramie/sync/channel_status.hpp>
#include <ramie/sync/detail/channel_core.hpp>

namespace ramie::detail {

/// What both directions have in common. Place: where the value comes from or goes to.
template <class A, class T, class Place>
class basic_channel_case : public basic_select_case<typename A::lock, typename A::waiter> {
 public:
  using core_type = basic_channel_core<A, T>;
  using node = typename core_type::template node<Place>;
  using waiter = typename A::waiter;
  using others = basic_held_locks<typename A::lock>;

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
  basic_channel_case(core_type& core, basic_wait_queue<A>& queue) noexcept
      : basic_select_case<typename A::lock, waiter>(&core.lock()), core_(core), queue_(queue) {}

  /// A waiter that got nothing, because T threw on somebody else's stack, keeps its place.
  bool link(waiter& self, Place& place) noexcept {
    node_.emplace(self, place);
    std::exchange(again_, false) ? queue_.push_front(*node_) : queue_.push_back(*node_);
    return true;
  }

  /// Under all locks; `operation` is send_now or receive_now.
  template <class Operation>
  bool commit_with(others& held, Operation operation) {
    typename core_type::guard lock(core_.lock(), std::adopt_lock);
    auto const done = operation(lock, [&] { held.keep_only(core_.lock()); });
    if (!done) {
      lock.release();
      return false;
    }
    status_ = *done;
    return true;
  }

  core_type& core_;
  channel_status status_ = channel_status::ok;  // how it was committed: ok or closed

 private:
  basic_wait_queue<A>& queue_;
  std::optional<node> node_;
  bool again_ = false;
};

template <class A, class T>
class basic_receive_case : public basic_channel_case<A, T, std::optional<T>> {
  using base = basic_channel_case<A, T, std::optional<T>>;

 public:
  explicit basic_receive_case(typename base::core_type& core) noexcept
      : base(core, core.receivers()) {}

  bool ready() override { return this->core_.can_receive(); }
  bool try_commit(typename base::others& held) override {
    return this->commit_with(held, [this](auto& lock, auto decided) {
      return this->core_.receive_now(lock, value_, decided);
    });
  }
  bool publish(typename base::waiter& self) noexcept override { return this->link(self, value_); }

 protected:
  std::optional<T> value_;
};

/// Held: T, or T& for a value that stays the caller's until it is sent.
template <class A, class T, class Held>
class basic_send_case : public basic_channel_case<A, T, T> {
  using base = basic_channel_case<A, T, T>;

 public:
  template <class Value>
  basic_send_case(typename base::core_type& core, Value&& value)
      : base(core, core.senders()), value_(std::forward<Value>(value)) {}

  bool ready() override { return this->core_.can_send(); }
  bool try_commit(typename base::others& held) override {
    return this->commit_with(held, [this](auto& lock, auto decided) {
      return this->core_.send_now(lock, value_, decided);
    });
  }
  bool publish(typename base::waiter& self) noexcept override { return this->link(self, value_); }

 protected:
  Held value_;
};

}  // namespace ramie::detail
