// The runtime: workers that run fibers, and the ways to hand them work.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <ramie/sched/driver.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/metrics.hpp>
#include <ramie/sched/shutdown_report.hpp>

namespace ramie {

namespace detail {
struct runtime_access;
}

/// Who let an exception out, as an unhandled-exception handler is told.
struct unhandled_exception {
  std::exception_ptr exception;
  std::string_view fiber_name;
  std::uint64_t fiber_id;
};

/// How to build a runtime. An aggregate for designated initialisers.
struct runtime_options {
  /// OS threads that run fibers, at most 1,024. 0: the CPUs this process may use (affinity mask and
  /// cgroup quota).
  unsigned workers = 0;
  /// Bytes of virtual memory for a fiber's stack, its guard page included; rounded up to a power of
  /// two of at least 16 KiB; at most 1 GiB. Pages are committed as they are touched.
  std::size_t stack_size = 256 * 1024;
  /// 0: no limit; else spawn waits while so many fibers live, and post throws.
  std::size_t max_fibers = 0;
  /// At most so many functions of spawn_blocking run at once, and so many of blocking. Not 0.
  unsigned max_blocking_threads = 512;
  /// Threads made for these end when they have been idle for so long. Not negative.
  std::chrono::milliseconds blocking_keep_alive{10'000};
  /// Binds worker k to the k-th CPU of the process's affinity mask.
  bool pin_workers = false;
  /// The prefix of the OS threads' names.
  std::string name = "ramie";
  /// Seeds the choice of victims and of inboxes. 0: drawn at start.
  std::uint64_t seed = 0;
  /// After so long the destructor names, on standard error, the fibers that it still waits for: one
  /// that never waits, or that swallows its cancellation. Again each time as long has passed.
  std::chrono::milliseconds stall_threshold{5'000};
  /// Called on the fiber that let the exception out, if it has no handle to take it (posted and
  /// detached ones), or by whoever detaches a fiber that had ended so before. Empty: the fiber is
  /// named on standard error and std::terminate is called.
  std::function<void(unhandled_exception const&)> on_unhandled_exception{};
  /// Called on each OS thread that runs fibers, when it starts and before it ends, with its number:
  /// from 0 on in the order of their starts; those from `workers` on were made for blocking. The
  /// number of a thread that has ended may come again. At its end a thread is a plain one already:
  /// what it spawns comes from outside. An exception that leaves them ends the program.
  std::function<void(unsigned)> on_worker_start{};
  std::function<void(unsigned)> on_worker_stop{};
  /// Where idle workers wait. Empty: on a condition variable, until I/O is first used.
  driver_factory make_driver{};
  /// What the scheduler takes for steady_clock::now(). Empty: that.
  std::function<std::chrono::steady_clock::time_point()> clock{};
};

/// A set of workers and all the fibers they run. Several may live in one process, and one may be
/// made after another has ended. Thread safety: all members may be called by any thread or fiber,
/// except the destructor, which may not be called by one of the runtime's own fibers (that is
/// reported on standard error, and std::terminate is called).
class runtime {
 public:
  class handle;

  /// Starts the first worker; the others start when there is work for them. Throws
  /// std::invalid_argument for options that make no sense and std::system_error when threads,
  /// mappings or memory run out.
  runtime();
  explicit runtime(runtime_options options);
  runtime(runtime const&) = delete;
  runtime& operator=(runtime const&) = delete;
  /// Closes the door for new work, cancels all fibers, waits for them and joins every OS thread.
  /// See runtime_options::stall_threshold for fibers that do not end.
  ~runtime();

  /// The same, but waits for the fibers no longer than this. If all have ended, so has the runtime:
  /// no thread, descriptor or mapping of it is left, and it takes no work any more. Otherwise the
  /// report names those that have not; they have been cancelled, the door stays closed, and another
  /// shutdown, or the destructor, may wait for them again. Not a cancellation point: the calling
  /// fiber parks, or the thread blocks. Throws std::system_error: resource_deadlock_would_occur
  /// from one of the runtime's own fibers, operation_not_permitted in a forked child.
  template <class Rep, class Period>
  shutdown_report shutdown(std::chrono::duration<Rep, Period> const& patience) {
    return shutdown_by(detail::deadline_after(patience));
  }
  template <class Clock, class Duration>
  shutdown_report shutdown(std::chrono::time_point<Clock, Duration> const& deadline) {
    return shutdown_by(detail::deadline_at(deadline));
  }

  /// Calls f(args...) on a fiber and waits for it: a thread blocks, a fiber parks. Returns its
  /// result or throws its exception. Not a cancellation point of its own: the wait ends with f.
  template <class F, class... Args>
  auto run(F&& f, Args&&... args) -> detail::spawn_result<F, Args...> {
    return detail::run_to_end(spawn(std::forward<F>(f), std::forward<Args>(args)...));
  }

  /// Starts a fiber that calls f(args...), decay-copied as std::thread does; it begins with the
  /// caller's floating-point modes, as a thread does. Throws std::system_error when the runtime is
  /// shutting down (operation_not_permitted), in a forked child, or when memory or mappings run
  /// out. Waits while max_fibers live; on a fiber that wait is a cancellation point.
  template <class F, class... Args>
  requires detail::spawnable<F, Args...>
  [[nodiscard]] auto spawn(F&& f, Args&&... args) -> join_handle<detail::spawn_result<F, Args...>> {
    return spawn(fiber_options{}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  requires detail::spawnable<F, Args...>
  [[nodiscard]] auto spawn(fiber_options options, F&& f, Args&&... args)
      -> join_handle<detail::spawn_result<F, Args...>> {
    return detail::spawn_on(*core_, options, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Fire and forget: starts a detached fiber that calls f(). Never waits: throws std::system_error
  /// (resource_unavailable_try_again) while max_fibers live, else as spawn.
  template <class F>
  void post(F&& f) {
    detail::post_on(*core_, std::forward<F>(f));
  }

  handle get_handle() const noexcept;

  runtime_metrics metrics() const;

 private:
  friend struct detail::runtime_access;
  shutdown_report shutdown_by(detail::steady_time deadline);

  std::shared_ptr<detail::core> core_;
};

/// A reference to a runtime that may outlive it. Copyable; any thread.
class runtime::handle {
 public:
  handle() noexcept = default;

  /// As runtime::spawn; on a runtime that has ended or is ending, or on a default-constructed
  /// handle, throws std::system_error (operation_not_permitted).
  template <class F, class... Args>
  requires detail::spawnable<F, Args...>
  [[nodiscard]] auto spawn(F&& f, Args&&... args) -> join_handle<detail::spawn_result<F, Args...>> {
    return spawn(fiber_options{}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  requires detail::spawnable<F, Args...>
  [[nodiscard]] auto spawn(fiber_options options, F&& f, Args&&... args)
      -> join_handle<detail::spawn_result<F, Args...>> {
    return detail::spawn_on(target(), options, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// As runtime::post, with the same errors.
  template <class F>
  void post(F&& f) {
    detail::post_on(target(), std::forward<F>(f));
  }

 private:
  friend class runtime;
  explicit handle(std::shared_ptr<detail::core> core) noexcept : core_(std::move(core)) {}
  detail::core& target() const;

  std::shared_ptr<detail::core> core_;
};

/// Makes a runtime for the length of the call and runs f(args...) on it; fibers that are still
/// there when f has ended are cancelled and waited for. From a fiber of another runtime it parks
/// that fiber. Returns f's result or throws its exception, or what runtime's constructor throws.
template <class F, class... Args>
requires detail::spawnable<F, Args...>
auto run(runtime_options options, F&& f, Args&&... args) -> detail::spawn_result<F, Args...> {
  runtime here(std::move(options));
  return here.run(std::forward<F>(f), std::forward<Args>(args)...);
}
template <class F, class... Args>
requires detail::spawnable<F, Args...>
auto run(F&& f, Args&&... args) -> detail::spawn_result<F, Args...> {
  return run(runtime_options{}, std::forward<F>(f), std::forward<Args>(args)...);
}

/// Starts a fiber on the runtime of the calling fiber, or on the process's default runtime from
/// anywhere else. Otherwise as runtime::spawn.
template <class F, class... Args>
requires detail::spawnable<F, Args...>
[[nodiscard]] auto spawn(fiber_options options, F&& f, Args&&... args)
    -> join_handle<detail::spawn_result<F, Args...>> {
  return detail::spawn_on(detail::current_or_default_core(), options, std::forward<F>(f),
                          std::forward<Args>(args)...);
}
template <class F, class... Args>
requires detail::spawnable<F, Args...>
[[nodiscard]] auto spawn(F&& f, Args&&... args) -> join_handle<detail::spawn_result<F, Args...>> {
  return spawn(fiber_options{}, std::forward<F>(f), std::forward<Args>(args)...);
}

/// Sets the options of the default runtime, which serves spawn and thread outside any runtime.
/// Throws std::system_error (device_or_resource_busy) once it has started.
void set_default_runtime_options(runtime_options options);

}  // namespace ramie
