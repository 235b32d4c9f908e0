// Promises: results that somebody provides.
#pragma once

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include <ramie/sync/detail/future_state.hpp>
#include <ramie/sync/future.hpp>

namespace ramie {

namespace detail {

/// A state that an allocator made.
template <class R, class Allocator>
class allocated_state final : public future_state<R> {
  using traits = typename std::allocator_traits<Allocator>::template rebind_traits<allocated_state>;

 public:
  explicit allocated_state(Allocator const& with) : allocator_(with) {}

  static state_ptr<future_state<R>> make(Allocator const& with) {
    typename traits::allocator_type allocator(with);
    auto const place = traits::allocate(allocator, 1);
    // The constructor copies an allocator, which does not throw.
    return state_ptr<future_state<R>>(::new (static_cast<void*>(std::to_address(place)))
                                          allocated_state(with));
  }

 private:
  void dispose() noexcept override {
    typename traits::allocator_type allocator(allocator_);
    auto const place = std::pointer_traits<typename traits::pointer>::pointer_to(*this);
    this->~allocated_state();
    traits::deallocate(allocator, place, 1);
  }

  Allocator allocator_;
};

/// All of a promise but set_value.
template <class R>
class promise_base {
 public:
  promise_base() : state_(new future_state<R>) {}
  template <class Allocator>
  promise_base(std::allocator_arg_t, Allocator const& allocator)
      : state_(allocated_state<R, Allocator>::make(allocator)) {}
  promise_base(promise_base&&) noexcept = default;
  promise_base(promise_base const&) = delete;
  promise_base& operator=(promise_base const&) = delete;
  promise_base& operator=(promise_base&& other) noexcept {
    promise_base(std::move(other)).swap(*this);
    return *this;
  }
  ~promise_base() {
    if (state_) state_->abandon();
  }

  void swap(promise_base& other) noexcept { std::swap(state_, other.state_); }

  /// Throws future_error: no_state, or future_already_retrieved.
  future<R> get_future() { return future_access::make(state_); }

  void set_exception(std::exception_ptr error) {
    auto const state = this->state();
    state->claim();
    state->fail(std::move(error));
  }
  void set_exception_at_thread_exit(std::exception_ptr error) {
    auto const state = this->state();
    state->claim_until_exit();
    state->store_error(std::move(error));
  }

 protected:
  /// An owner of its own, since the promise may go as soon as the result is there. Throws
  /// future_error (no_state).
  state_ptr<future_state<R>> state() const {
    state_.required();
    return state_;
  }

 private:
  state_ptr<future_state<R>> state_;
};

}  // namespace detail

/// As std::promise. set_value and set_exception throw future_error: no_state, or
/// promise_already_satisfied. It may be destroyed as soon as a wait for its result has returned.
///
/// The forms at_thread_exit provide the result at once, and make it ready when the calling fiber
/// has ended and its fiber_locals are destroyed; a plain OS thread: its thread_locals too. They
/// throw std::bad_alloc besides, and on a plain thread std::system_error if pthread keys have run
/// out; nothing has been provided then.
template <class R>
class promise : public detail::promise_base<R> {
 public:
  using detail::promise_base<R>::promise_base;

  void set_value(R const& value) { provide(detail::ready_when::now, value); }
  void set_value(R&& value) { provide(detail::ready_when::now, std::move(value)); }
  void set_value_at_thread_exit(R const& value) { provide(detail::ready_when::at_exit, value); }
  void set_value_at_thread_exit(R&& value) {
    provide(detail::ready_when::at_exit, std::move(value));
  }

 private:
  template <class Value>
  void provide(detail::ready_when when, Value&& value) {
    this->state()->provide(when, [&value]() -> Value&& { return std::forward<Value>(value); });
  }
};

template <class R>
class promise<R&> : public detail::promise_base<R&> {
 public:
  using detail::promise_base<R&>::promise_base;

  void set_value(R& value) { provide(detail::ready_when::now, value); }
  void set_value_at_thread_exit(R& value) { provide(detail::ready_when::at_exit, value); }

 private:
  void provide(detail::ready_when when, R& value) {
    this->state()->provide(when, [&value] { return std::addressof(value); });
  }
};

template <>
class promise<void> : public detail::promise_base<void> {
 public:
  using detail::promise_base<void>::promise_base;

  void set_value() { provide(detail::ready_when::now); }
  void set_value_at_thread_exit() { provide(detail::ready_when::at_exit); }

 private:
  void provide(detail::ready_when when) {
    state()->provide(when, [] { return detail::nothing{}; });
  }
};

template <class R>
void swap(promise<R>& a, promise<R>& b) noexcept {
  a.swap(b);
}

}  // namespace ramie

template <class R, class Allocator>
struct std::uses_allocator<ramie::promise<R>, Allocator> : std::true_type {};
