// Fibers that end together.
#pragma once

#include <cstddef>
#include <utility>

#include <ramie/sched/detail/fiber_group.hpp>

namespace ramie {

/// The limit of a bounded group.
struct task_group_options {
  /// How many tasks may run at once, 0: any number. `spawn` waits while so many do.
  std::size_t max_running = 0;
};

/// A set of fibers that are waited for together: none outlives the group, and so what it refers to.
/// The first exception that a task lets out cancels the others. Tasks run on the runtime of whoever
/// spawns them, and inherit the deadline of the scopes around the group's constructor. A task that
/// ends by its own cancellation has not failed. spawn, try_spawn and cancel may be called by any
/// fiber or thread, tasks of the group included, as long as the group is there; wait by one at a
/// time.
class task_group {
 public:
  task_group() noexcept : members_(0) {}
  explicit task_group(task_group_options options) noexcept : members_(options.max_running) {}

  /// Cancels the tasks and waits for them, whatever the caller's own cancellation or deadlines.
  /// What they throw is dropped.
  ~task_group() = default;

  /// Starts a task that calls f(args...), decay-copied; its result is dropped. In a bounded group
  /// that is full it waits for the end of a task (a cancellation point; a task that spawns into its
  /// own full group may wait for itself). A group that is being cancelled takes tasks and ends them
  /// before they begin. Throws what ramie::spawn throws.
  template <class F, class... Args>
  requires detail::spawnable<F, Args...>
  void spawn(F&& f, Args&&... args) {
    spawn(fiber_options{}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
  requires detail::spawnable<F, Args...>
  void spawn(fiber_options options, F&& f, Args&&... args) {
    members_.spawn(true, options, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// As spawn, but false, and nothing is moved from, if the group is full.
  template <class F, class... Args>
  requires detail::spawnable<F, Args...>
  [[nodiscard]] bool try_spawn(F&& f, Args&&... args) {
    return members_.spawn(false, fiber_options{}, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Waits until all tasks have ended, those included that tasks spawn meanwhile; then throws the
  /// first exception that one of them let out. The group can be used again. A cancellation point:
  /// when the caller is cancelled, or the deadline of a scope around the call comes, the tasks are
  /// cancelled and waited for first, and `cancelled` or `timed_out` is thrown if none of them
  /// threw. Throws std::system_error if a task of the group calls it
  /// (resource_deadlock_would_occur) or another wait is under way (device_or_resource_busy).
  void wait() { members_.wait(); }

  /// Asks all tasks to end; does not wait. Tasks that are spawned before the next wait has returned
  /// never begin. Does nothing if there are none.
  void cancel() noexcept { members_.cancel(); }

 private:
  detail::fiber_group members_;
};

}  // namespace ramie
