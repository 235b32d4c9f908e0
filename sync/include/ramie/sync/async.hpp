// Calling a function on a fiber of its own, for a future.
#pragma once

#include <functional>
#include <future>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sync/detail/future_state.hpp>
#include <ramie/sync/future.hpp>

namespace ramie {

namespace detail {

/// A call that is made by a fiber, or by the first to wait for it.
template <class R, class F, class... Args>
class call_state final : public future_state<R> {
 public:
  template <class G, class... Given>
  explicit call_state(G&& f, Given&&... given)
      : future_state<R>(true), call_(std::forward<G>(f), std::forward<Given>(given)...) {}

  /// Throws what spawn throws, and the call is still deferred then.
  void start() {
    runner body(*this);
    try {
      fiber_ = spawn(std::move(body));
    } catch (...) {
      body.forget();
      throw;
    }
    this->not_deferred();
  }

 private:
  /// What the fiber runs. If it is discarded unused, nobody will make the call.
  class runner {
   public:
    explicit runner(call_state& state) noexcept : state_(&state) {}
    runner(runner&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    runner(runner const&) = delete;
    runner& operator=(runner const&) = delete;
    ~runner() {
      if (state_ != nullptr) state_->abandon();
    }
    void operator()() { std::exchange(state_, nullptr)->run(); }
    void forget() noexcept { state_ = nullptr; }

   private:
    call_state* state_;
  };

  void run() noexcept override {
    this->claim();
    this->store_by([this]() -> R {
      return std::apply(
          [](F&& f, Args&&... args) -> R { return std::invoke(std::move(f), std::move(args)...); },
          std::move(call_));
    });
    this->make_ready();
  }

  void dispose() noexcept override {
    if (fiber_.valid()) {
      try {
        run_to_end(std::move(fiber_));
      } catch (cancelled const&) {  // It was discarded, which the future has told.
      }
    }
    delete this;
  }

  std::tuple<F, Args...> call_;
  join_handle<void> fiber_;
};

template <class F, class... Args>
using call_result = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;

}  // namespace detail

/// As std::async: f(args...), decay-copied, is called by a new fiber, or, if the policy is deferred
/// (or that may be chosen and no fiber can be had), by the first to wait, shielded from what
/// interrupts that wait. Throws what ramie::spawn throws if the policy is async alone. Constrained,
/// so that an unqualified call means it rather than the standard's, which std::launch brings along.
template <class F, class... Args>
requires(std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>)
    [[nodiscard]] future<detail::call_result<F, Args...>> async(std::launch policy, F&& f,
                                                                Args&&... args) {
  using result = detail::call_result<F, Args...>;
  using state_type = detail::call_state<result, std::decay_t<F>, std::decay_t<Args>...>;
  detail::state_ptr<state_type> state(
      new state_type(std::forward<F>(f), std::forward<Args>(args)...));
  if ((policy & std::launch::async) != std::launch{}) {
    try {
      state->start();
    } catch (std::system_error const&) {
      if ((policy & std::launch::deferred) == std::launch{}) throw;
    }
  }
  return detail::future_access::make(detail::state_ptr<detail::future_state<result>>(state));
}

template <class F, class... Args>
requires(!std::is_same_v<std::remove_cvref_t<F>, std::launch>)
    [[nodiscard]] future<detail::call_result<F, Args...>> async(F&& f, Args&&... args) {
  return ramie::async(std::launch::async | std::launch::deferred, std::forward<F>(f),
                      std::forward<Args>(args)...);
}

}  // namespace ramie
