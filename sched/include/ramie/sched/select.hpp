// Waiting for the first of several things.
//
//   std::size_t which = ramie::select(
//       ramie::on_receive(orders, [](std::optional<order> o) { ... }),
//       ramie::on_send(replies, std::move(reply), [] { ... }),
//       ramie::after(100ms, [] { ... }));
//
// Here are select itself and the cases that need nothing but fibers: after, on_join, otherwise.
// Those for channels and events are in <ramie/sync/select.hpp>, those for descriptors in
// <ramie/io/select.hpp>.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <ramie/sched/detail/select_case.hpp>
#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/fiber.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/jthread.hpp>

namespace ramie {

namespace detail {

template <class F>
class after_case final : public select_case {
 public:
  after_case(steady_time due, F f) : handler_(std::move(f)) { due_ = due; }

  bool ready() override { return due_ != steady_time::max() && clock_now() >= due_; }
  bool publish(waiter&) noexcept override { return true; }
  bool withdraw() noexcept override { return false; }

  void handle() { std::invoke(handler_); }

 private:
  F handler_;
};

/// The case of a fiber's end without its handler.
class join_waiter : public select_case {
 public:
  bool publish(waiter& self) noexcept final;
  bool withdraw() noexcept final;

 protected:
  /// `fiber`: null if the handle is empty. Throws what join throws.
  bool has_ended(fiber_record* fiber);

 private:
  fiber_record* fiber_ = nullptr;
  waiter* self_ = nullptr;
};

template <class T, class F>
class join_case final : public join_waiter {
 public:
  join_case(join_handle<T>& handle, F f) : handle_(handle), handler_(std::move(f)) {}

  bool ready() override { return has_ended(handle_access::peek(handle_)); }

  void handle() {
    if constexpr (std::invocable<F&>) {
      std::invoke(handler_);
    } else {
      std::invoke(handler_, handle_.join());
    }
  }

 private:
  join_handle<T>& handle_;
  F handler_;
};

/// What select may know of a thread.
struct fiber_access {
  static join_handle<void> const& handle(fiber const& of) noexcept { return of.handle_; }
  static join_handle<void> const& handle(jthread const& of) noexcept { return handle(of.fiber_); }
};

template <class F>
class fiber_end_case final : public join_waiter {
 public:
  fiber_end_case(join_handle<void> const& handle, F f) : handle_(handle), handler_(std::move(f)) {}

  bool ready() override {
    if (!handle_.valid()) throw_not_joinable("select");
    return has_ended(handle_access::peek(handle_));
  }

  void handle() { std::invoke(handler_); }

 private:
  join_handle<void> const& handle_;
  F handler_;
};

/// A callable without arguments, or one that takes the fiber's result.
template <class F, class T>
concept join_handler = std::invocable<F&> || std::invocable<F&, T>;

template <class F>
class otherwise_case final : public select_option {
 public:
  explicit otherwise_case(F f) : handler_(std::move(f)) {}

  void handle() { std::invoke(handler_); }

 private:
  F handler_;
};

template <class C>
inline constexpr bool is_otherwise = false;
template <class F>
inline constexpr bool is_otherwise<otherwise_case<F>> = true;

/// What the core is to see of an argument.
template <class C>
select_case* to_wait_for(C& given) noexcept {
  if constexpr (is_otherwise<C>) {
    return nullptr;
  } else {
    return given.enabled ? &given : nullptr;
  }
}

template <class C>
bool is_fallback(C const& given) noexcept {
  return is_otherwise<C> && given.enabled;
}

}  // namespace detail

/// A case of select: what on_receive, after and the like return.
template <class C>
concept selectable = std::derived_from<std::remove_cvref_t<C>, detail::select_option> &&
    requires(std::remove_cvref_t<C>& given) {
  given.handle();
};

/// Waits until the first of the cases can go ahead, commits exactly that one, calls its handler and
/// returns its index. If several can, each is as likely as the others; if none can and there is an
/// `otherwise`, that is it. The handler runs on the caller's own fiber (or thread), after the
/// commit and outside all locks: it may wait, and what it throws is thrown here.
///
/// A cancellation point, if it has to wait: then it throws `cancelled`, or `timed_out` for a
/// deadline_scope around it, and no case has been committed: nothing is taken, values to be sent
/// are unmoved. A channel, an event or a handle may occur in several cases. Every case that is
/// waited for must exist until select has returned.
template <selectable... Cases>
requires(sizeof...(Cases) > 0 &&
         (0 + ... + int{detail::is_otherwise<std::remove_cvref_t<Cases>>}) <= 1) std::size_t
    select(Cases&&... cases) {
  std::array<detail::select_place, sizeof...(Cases)> places{
      detail::select_place{detail::to_wait_for(cases)}...};
  std::array<detail::tiny_lock*, sizeof...(Cases)> locks{};
  bool const may_wait = !(detail::is_fallback(cases) || ...);
  std::size_t const chosen = detail::select_among(places, locks, may_wait);
  std::size_t index = 0;
  std::size_t result = 0;
  auto const run = [&](auto& one) {
    bool const mine = chosen < places.size() ? index == chosen : detail::is_fallback(one);
    if (mine) {
      result = index;
      one.handle();
    }
    ++index;
  };
  (run(cases), ...);
  return result;
}

/// The time has come: `timeout` from now. In a select with others that are ready it is one of them
/// if it has come.
template <class Rep, class Period, std::invocable F>
auto after(std::chrono::duration<Rep, Period> const& timeout, F f) {
  return detail::after_case<F>(detail::deadline_after(timeout), std::move(f));
}

/// The fiber has ended. If f takes no argument the handle is as before, and joining it does not
/// wait; if f takes one, the handle is joined, and f is called with the result: what the fiber
/// threw is thrown by select, and f is not called. Throws like join for an empty handle, and from
/// the fiber itself.
template <class T, detail::join_handler<T> F>
auto on_join(join_handle<T>& fiber, F f) {
  return detail::join_case<T, F>(fiber, std::move(f));
}

/// The same for a fiber without a result: it has ended, however it did, and is still to be joined
/// or detached; joining it does not wait then. Throws like join if it is not joinable, and from the
/// fiber itself. Unlike join it is a cancellation point.
template <std::invocable F>
auto on_join(fiber& ends, F f) {
  return detail::fiber_end_case<F>(detail::fiber_access::handle(ends), std::move(f));
}
template <std::invocable F>
auto on_join(jthread& ends, F f) {
  return detail::fiber_end_case<F>(detail::fiber_access::handle(ends), std::move(f));
}

/// None of the other cases can go ahead now: with it select never waits.
template <std::invocable F>
auto otherwise(F f) {
  return detail::otherwise_case<F>(std::move(f));
}

/// `given` if the condition holds, else a case that is never ready: when(open, on_receive(…)).
template <selectable C>
C&& when(bool condition, C&& given) noexcept {
  given.enabled = condition;
  return std::forward<C>(given);
}

}  // namespace ramie
