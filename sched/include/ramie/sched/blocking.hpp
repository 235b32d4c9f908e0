// Blocking sections: code that blocks or computes on the fiber that calls it.
#pragma once

#include <functional>
#include <utility>

namespace ramie {

namespace detail {

class worker_thread;

/// Between its construction and its destruction the calling fiber has its OS thread for itself, and
/// another thread works on its worker. Does nothing on a plain thread.
class [[nodiscard]] blocking_section {
 public:
  blocking_section();
  ~blocking_section();
  blocking_section(blocking_section const&) = delete;
  blocking_section& operator=(blocking_section const&) = delete;

 private:
  worker_thread* const thread_;  // null: a plain thread
};

}  // namespace detail

/// Calls f(args...) here and now, where it may block its OS thread or compute as long as it likes:
/// the worker's queues are handed to a backup thread meanwhile. Returns what f returns, or throws
/// what it throws. The fiber may go on on another OS thread afterwards, unless it is pinned; other
/// fibers that are pinned to this thread wait until f has ended.
///
/// f runs on the fiber's own stack. Inside it ramie's waits block the OS thread, and deadline
/// scopes bound them; cancellation is seen by check_cancelled only, and delivered by the fiber's
/// next wait after f. this_fiber::get_id, name and fiber_local are the fiber's; spawn starts fibers
/// on its runtime; a nested `blocking` simply calls.
///
/// On a plain OS thread it simply calls f. On a fiber, at most
/// runtime_options::max_blocking_threads of these run at once in a runtime; beyond that it waits,
/// which is a cancellation point. Throws std::system_error (resource_unavailable_try_again) when
/// there is no backup thread and none can be started: f has not been called then.
template <class F, class... Args>
decltype(auto) blocking(F&& f, Args&&... args) {
  detail::blocking_section const section;
  return std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace ramie
