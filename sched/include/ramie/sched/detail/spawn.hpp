// From a callable to a fiber: the typed half of spawn, join and detach.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/detail/record.hpp>
#include <ramie/sched/detail/result_slot.hpp>
#include <ramie/sched/detail/time.hpp>

namespace ramie {

template <class T>
class join_handle;

/// How to start a fiber.
struct fiber_options {
  /// Shown by dumps and reports; at most 31 bytes are kept.
  std::string_view name{};
  /// Bytes of virtual memory for the stack, rounded up as runtime_options::stack_size is; 0: the
  /// runtime's.
  std::size_t stack_size = 0;
  /// Whether the fiber stays on the OS thread that it begins on.
  bool pinned = false;
};

}  // namespace ramie

namespace ramie::detail {

template <class F, class... Args>
concept spawnable = std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...> &&
    (!std::is_same_v<std::remove_cvref_t<F>, fiber_options>);

template <class F, class... Args>
using spawn_result = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;

// --- the untyped half, in sched/src

/// The runtime of the calling fiber, else the default one.
core& current_or_default_core();

/// A record for a new fiber, not yet visible to anybody. Waits while max_fibers live if `may_wait`.
/// Throws what spawn throws.
fiber_record& acquire_record(core& runtime, fiber_options const& options, bool may_wait);
/// Undoes acquire_record.
void return_unused_record(fiber_record& fiber) noexcept;
/// Makes the fiber runnable. `detached`: nobody will join it.
void launch(fiber_record& fiber, bool detached) noexcept;

/// Has a thread of the blocking pool run it. Throws std::system_error and std::bad_alloc; the
/// record has been returned then.
void launch_blocking(fiber_record& job);

/// Waits until the fiber has finished. Throws `cancelled` (if interruptible), system_error on
/// self-join.
void join_fiber(fiber_record& fiber, interruptible mode);
/// True: it has finished. Throws like join_fiber.
bool wait_fiber(fiber_record& fiber, std::chrono::steady_clock::time_point deadline);
void detach_fiber(fiber_record& fiber) noexcept;
/// Cancels, waits, drops the result.
void abandon_fiber(fiber_record& fiber) noexcept;
/// Takes back the record of a fiber that is settled or never was launched, its result destroyed.
void free_record(fiber_record& fiber) noexcept;

// --- a callable with its arguments and its result

template <class F, class... Args>
struct task : result_slot<spawn_result<F, Args...>> {
  using result = spawn_result<F, Args...>;
  using call_type = std::tuple<std::decay_t<F>, std::decay_t<Args>...>;
  static constexpr bool fits =
      sizeof(result_slot<result>) + sizeof(call_type) + alignof(call_type) <=
          fiber_record::inline_payload &&
      alignof(call_type) <= 16 && alignof(result_slot<result>) <= 16;

  template <class G, class... Given>
  explicit task(G&& f, Given&&... args) : call(std::forward<G>(f), std::forward<Given>(args)...) {}
  ~task() {}

  union {
    call_type call;  // until the callable has returned, or is discarded
  };

  static task& of(fiber_record& fiber) noexcept { return *static_cast<task*>(fiber.payload); }

  static void run(fiber_record& fiber) {
    task& self = of(fiber);
    struct callable_end {
      call_type& call;
      ~callable_end() { std::destroy_at(&call); }
    };
    try {
      callable_end const end{self.call};
      self.store([&]() -> decltype(auto) {
        return std::apply(
            [](auto&... parts) -> decltype(auto) { return std::invoke(std::move(parts)...); },
            self.call);
      });
      fiber.outcome_kind = task_outcome::value;
    } catch (...) {
      fiber.outcome_kind = task_outcome::exception;
      fiber.exception = std::current_exception();
    }
  }

  static void discard(fiber_record& fiber) noexcept { std::destroy_at(&of(fiber).call); }

  static void free(fiber_record& fiber) noexcept {
    task& self = of(fiber);
    if constexpr (fits) {
      std::destroy_at(&self);
    } else {
      delete &self;
    }
    fiber.payload = nullptr;
  }

  static void drop_result(fiber_record& fiber) noexcept {
    if (fiber.outcome_kind == task_outcome::value) of(fiber).destroy();
    free(fiber);
  }

  static constexpr task_operations operations{&run, &discard, &drop_result};
};

/// What typed code may do to a join_handle.
struct handle_access {
  template <class T>
  static join_handle<T> make(fiber_record& fiber) noexcept {
    return join_handle<T>(fiber);
  }
  template <class T>
  static fiber_record* peek(join_handle<T> const& handle) noexcept {
    return handle.fiber_;
  }
  template <class T>
  static fiber_record* release(join_handle<T>& handle) noexcept {
    return std::exchange(handle.fiber_, nullptr);
  }
};

/// A new fiber with its payload, to be launched.
template <class F, class... Args>
fiber_record& prepare_fiber(core& runtime, fiber_options const& options, bool may_wait, F&& f,
                            Args&&... args) {
  using task_type = task<F, Args...>;
  fiber_record& fiber = acquire_record(runtime, options, may_wait);
  try {
    if constexpr (task_type::fits) {
      static_assert(sizeof(task_type) <= fiber_record::inline_payload);
      fiber.payload = ::new (static_cast<void*>(fiber.inline_storage))
          task_type(std::forward<F>(f), std::forward<Args>(args)...);
    } else {
      fiber.payload = new task_type(std::forward<F>(f), std::forward<Args>(args)...);
    }
  } catch (...) {
    return_unused_record(fiber);
    throw;
  }
  fiber.operations = &task_type::operations;
  return fiber;
}

template <class F, class... Args>
auto spawn_on(core& runtime, fiber_options const& options, F&& f, Args&&... args)
    -> join_handle<spawn_result<F, Args...>> {
  fiber_record& fiber =
      prepare_fiber(runtime, options, true, std::forward<F>(f), std::forward<Args>(args)...);
  auto handle = handle_access::make<spawn_result<F, Args...>>(fiber);
  launch(fiber, false);
  return handle;
}

template <class F>
void post_on(core& runtime, F&& f) {
  launch(prepare_fiber(runtime, fiber_options{}, false, std::forward<F>(f)), true);
}

/// The result of a finished fiber, whose record is given back.
template <class T>
T take_result(fiber_record* fiber) {
  struct giver {
    fiber_record* fiber;
    ~giver() {
      fiber->operations->drop_result(*fiber);
      free_record(*fiber);
    }
  } const give_back{fiber};
  if (fiber->outcome_kind == task_outcome::exception) {
    std::rethrow_exception(std::exchange(fiber->exception, nullptr));
  }
  return static_cast<result_slot<T>*>(fiber->payload)->take();
}

/// Waits for the fiber, uninterruptibly, and takes its result.
template <class T>
T run_to_end(join_handle<T> handle) {
  fiber_record* const fiber = handle_access::release(handle);
  join_fiber(*fiber, interruptible::no);
  return take_result<T>(fiber);
}

}  // namespace ramie::detail
