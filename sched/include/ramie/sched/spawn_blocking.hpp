// Functions that block their OS thread.
#pragma once

#include <utility>

#include <ramie/sched/detail/spawn.hpp>
#include <ramie/sched/join_handle.hpp>

namespace ramie {

/// Calls f(args...), decay-copied, on an OS thread of the runtime's blocking pool, where it may
/// block or compute as long as it likes: no worker waits for it. The pool grows to
/// runtime_options::max_blocking_threads; further calls queue, in order. Threads that have been
/// idle for blocking_keep_alive end.
///
/// Cancelling the handle's function works only while it is queued: it never runs then, and `join`
/// throws `cancelled`. Once begun it runs to its end, and whoever drops the handle waits for that;
/// so does the end of the runtime. Inside f, ramie's waits block the OS thread; spawn starts fibers
/// on the runtime that f belongs to; this_fiber::get_id, name and fiber_local are f's own.
///
/// Runs on the runtime of the calling fiber, else on the default runtime. Counts as one of
/// max_fibers. Throws what ramie::spawn throws, and std::system_error
/// (resource_unavailable_try_again) if no thread can be had at all.
template <class F, class... Args>
requires detail::spawnable<F, Args...>
[[nodiscard]] auto spawn_blocking(fiber_options options, F&& f, Args&&... args)
    -> join_handle<detail::spawn_result<F, Args...>> {
  detail::fiber_record& job =
      detail::prepare_fiber(detail::current_or_default_core(), options, true, std::forward<F>(f),
                            std::forward<Args>(args)...);
  detail::launch_blocking(job);
  return detail::handle_access::make<detail::spawn_result<F, Args...>>(job);
}
template <class F, class... Args>
requires detail::spawnable<F, Args...>
[[nodiscard]] auto spawn_blocking(F&& f, Args&&... args)
    -> join_handle<detail::spawn_result<F, Args...>> {
  return spawn_blocking(fiber_options{}, std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace ramie
