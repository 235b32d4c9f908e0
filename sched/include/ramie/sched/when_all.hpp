// Several functions at once: all of their results.
#pragma once

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/detail/fiber_group.hpp>

namespace ramie {

namespace detail {

template <class T>
using monostate_if_void = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// The place of a result that another fiber stores; throws `cancelled` if none came.
template <class T>
class awaited_result {
 public:
  awaited_result() noexcept = default;
  awaited_result(awaited_result const&) = delete;
  awaited_result& operator=(awaited_result const&) = delete;
  ~awaited_result() {
    if (stored_) slot_.destroy();
  }

  template <class F>
  void store(F&& f) {
    slot_.store([&]() -> decltype(auto) { return std::invoke(std::forward<F>(f)); });
    stored_ = true;
  }

  /// std::monostate for void.
  monostate_if_void<T> take() {
    if (!stored_) throw cancelled{};
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return slot_.take();
    }
  }

 private:
  result_slot<T> slot_;
  bool stored_ = false;
};

template <std::size_t... I, class... F>
auto when_all(std::index_sequence<I...>, F&&... functions) {
  std::tuple<awaited_result<std::invoke_result_t<F>>...> results;
  {
    fiber_group group(0);
    (group.spawn(
         true, fiber_options{},
         [&place = std::get<I>(results), &f = functions] { place.store(std::forward<F>(f)); }),
     ...);
    group.wait();
  }
  return std::tuple<monostate_if_void<std::invoke_result_t<F>>...>(std::get<I>(results).take()...);
}

}  // namespace detail

/// Calls each function on a fiber of its own and waits for all: a tuple of their results, in the
/// order of the arguments, std::monostate for void. The functions are not copied. The first
/// exception cancels the others; all have ended when it is thrown. A cancellation point, as
/// task_group::wait: the functions never outlive the call, and inherit the deadline of the scopes
/// around it. From a plain thread they run on the default runtime. Throws `cancelled` if one of the
/// fibers was (by the end of the runtime).
template <class... F>
requires(std::is_invocable_v<F>&&...) auto when_all(F&&... functions) {
  return detail::when_all(std::index_sequence_for<F...>(), std::forward<F>(functions)...);
}

}  // namespace ramie
