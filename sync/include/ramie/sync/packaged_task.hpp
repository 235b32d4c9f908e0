// Functions whose results go to a future.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <ramie/sync/detail/future_state.hpp>
#include <ramie/sync/future.hpp>

namespace ramie {

namespace detail {

template <class R, class... Args>
class task_state : public future_state<R> {
 public:
  /// Stores the result; it has to be made ready. By reference: what passing an argument on throws
  /// is a result, too.
  virtual void call(Args&&... args) noexcept = 0;
  /// A new state with the same function, which is moved.
  virtual state_ptr<task_state> renew() = 0;
};

template <class F, class R, class... Args>
class task_state_of final : public task_state<R, Args...> {
 public:
  explicit task_state_of(F&& f) : function_(std::move(f)) {}
  explicit task_state_of(F const& f) : function_(f) {}

  void call(Args&&... args) noexcept override {
    // Converted as the signature says, be it to nothing.
    this->store_by(
        [&]() -> R { return static_cast<R>(std::invoke(function_, std::forward<Args>(args)...)); });
  }
  state_ptr<task_state<R, Args...>> renew() override {
    return state_ptr<task_state<R, Args...>>(new task_state_of(std::move(function_)));
  }

 private:
  F function_;
};

// What a call operator takes and gives; a noexcept one is converted.
template <class R, class C, class... A>
std::type_identity<R(A...)> signature_of(R (C::*)(A...));
template <class R, class C, class... A>
std::type_identity<R(A...)> signature_of(R (C::*)(A...) const);
template <class R, class C, class... A>
std::type_identity<R(A...)> signature_of(R (C::*)(A...) volatile);
template <class R, class C, class... A>
std::type_identity<R(A...)> signature_of(R (C::*)(A...) const volatile);
template <class R, class C, class... A>
std::type_identity<R(A...)> signature_of(R (C::*)(A...) &);
template <class R, class C, class... A>
std::type_identity<R(A...)> signature_of(R (C::*)(A...) const&);
template <class R, class C, class... A>
std::type_identity<R(A...)> signature_of(R (C::*)(A...) volatile&);
template <class R, class C, class... A>
std::type_identity<R(A...)> signature_of(R (C::*)(A...) const volatile&);

}  // namespace detail

template <class Signature>
class packaged_task;

/// As std::packaged_task. Calling it throws future_error: no_state, or promise_already_satisfied.
/// The function's exception is the result, `cancelled` too.
template <class R, class... Args>
class packaged_task<R(Args...)> {
 public:
  packaged_task() noexcept = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, packaged_task> &&
           std::is_invocable_r_v<R, std::decay_t<F>&, Args...>) explicit packaged_task(F&& f)
      : state_(new detail::task_state_of<std::decay_t<F>, R, Args...>(std::forward<F>(f))) {}
  packaged_task(packaged_task&&) noexcept = default;
  packaged_task(packaged_task const&) = delete;
  packaged_task& operator=(packaged_task const&) = delete;
  packaged_task& operator=(packaged_task&& other) noexcept {
    packaged_task(std::move(other)).swap(*this);
    return *this;
  }
  ~packaged_task() {
    if (state_) state_->abandon();
  }

  void swap(packaged_task& other) noexcept { std::swap(state_, other.state_); }
  bool valid() const noexcept { return static_cast<bool>(state_); }

  /// Throws future_error: no_state, or future_already_retrieved.
  future<R> get_future() {
    return detail::future_access::make(detail::state_ptr<detail::future_state<R>>(state_));
  }

  void operator()(Args... args) {
    state_.required();
    auto const state = state_;  // The task may go as soon as the result is there.
    state->claim();
    state->call(std::forward<Args>(args)...);
    state->make_ready();
  }

  /// Calls the function now, and makes the result ready when the calling fiber has ended and its
  /// fiber_locals are destroyed; a plain OS thread: its thread_locals too. Throws besides
  /// std::bad_alloc, and on a plain thread std::system_error if pthread keys have run out; the
  /// function has not been called then.
  void make_ready_at_thread_exit(Args... args) {
    state_.required();
    auto const state = state_;
    state->claim_until_exit();
    state->call(std::forward<Args>(args)...);
  }

  /// Makes it ready to be called again, for a new future. Throws future_error (no_state).
  void reset() {
    auto renewed = state_.required().renew();
    state_->abandon();
    state_ = std::move(renewed);
  }

 private:
  detail::state_ptr<detail::task_state<R, Args...>> state_;
};

template <class R, class... Args>
packaged_task(R (*)(Args...)) -> packaged_task<R(Args...)>;
template <class F>
packaged_task(F) -> packaged_task<typename decltype(detail::signature_of(&F::operator()))::type>;

template <class R, class... Args>
void swap(packaged_task<R(Args...)>& a, packaged_task<R(Args...)>& b) noexcept {
  a.swap(b);
}

}  // namespace ramie
