// Several functions at once: the first result.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <ramie/sched/detail/fiber_group.hpp>
#include <ramie/sched/fiber.hpp>
#include <ramie/sched/when_all.hpp>

namespace ramie {

namespace detail {

template <class... T>
struct race_result_of {
  using type = std::variant<monostate_if_void<T>...>;
  static constexpr bool common = false;
};
template <class... T>
requires requires {
  typename std::common_type_t<T...>;
}
struct race_result_of<T...> {
  using type = std::common_type_t<T...>;
  static constexpr bool common = true;
};

/// Who of several was first.
class finish_line {
 public:
  static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

  /// True for the first caller.
  bool cross(std::size_t runner) noexcept {
    std::size_t expected = nobody;
    return first_.compare_exchange_strong(expected, runner, std::memory_order_relaxed,
                                          std::memory_order_relaxed);
  }
  std::size_t first() const noexcept { return first_.load(std::memory_order_relaxed); }

 private:
  // `nobody`, then the index of the one that was first. Relaxed: what the runners leave is read
  // after they have been waited for.
  std::atomic<std::size_t> first_{nobody};
};

template <std::size_t... I, class... F>
auto race(std::index_sequence<I...>, F&&... functions) {
  using outcome = race_result_of<std::invoke_result_t<F>...>;
  using result = typename outcome::type;
  std::tuple<awaited_result<std::invoke_result_t<F>>...> results;
  std::exception_ptr thrown;  // by the first one
  finish_line line;
  {
    // Before the group, whose destructor waits for those that run it.
    auto const run = [&](fiber_group& group, std::size_t runner, auto& place, auto&& function) {
      try {
        place.store(std::forward<decltype(function)>(function));
        if (!line.cross(runner)) return;
      } catch (cancelled const&) {
        if (cancel_requested_here()) throw;
        if (!line.cross(runner)) return;
        thrown = std::current_exception();
      } catch (...) {
        if (!line.cross(runner)) return;
        thrown = std::current_exception();
      }
      group.cancel();
    };
    fiber_group group(0);
    (group.spawn(true, fiber_options{},
                 [&run, &group, &place = std::get<I>(results), &f = functions] {
                   run(group, I, place, std::forward<F>(f));
                 }),
     ...);
    try {
      group.wait();
    } catch (...) {
      // The caller's own interruption. Completion wins.
      if (line.first() == finish_line::nobody) throw;
    }
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);
  if (line.first() == finish_line::nobody) throw cancelled{};
  if constexpr (!std::is_void_v<result>) {
    std::optional<result> out;
    auto const take = [&]<std::size_t Runner>(std::in_place_index_t<Runner> index, auto& place) {
      if (line.first() != Runner) return;
      if constexpr (outcome::common) {
        out.emplace(place.take());
      } else {
        out.emplace(index, place.take());
      }
    };
    (take(std::in_place_index<I>, std::get<I>(results)), ...);
    return result(std::move(*out));
  }
}

}  // namespace detail

/// Calls each function on a fiber of its own and returns what the first to finish returned, or
/// throws what it threw; the others are cancelled, and have ended when `race` returns. The result
/// is of the functions' common type (void if all return that), else a variant of their results in
/// the order of the arguments, std::monostate for void, whose index tells the winner. The functions
/// are not copied. A cancellation point: an interrupted caller has all of them cancelled and waited
/// for, and gets the result all the same if there is one. Otherwise as when_all.
template <class... F>
requires(sizeof...(F) > 0 && (std::is_invocable_v<F> && ...)) auto race(F&&... functions) {
  return detail::race(std::index_sequence_for<F...>(), std::forward<F>(functions)...);
}

}  // namespace ramie
