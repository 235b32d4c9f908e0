// The fibers that a task_group, when_all or race has to see the end of.
#pragma once

#include <cstddef>
#include <exception>
#include <utility>

#include <ramie/sched/detail/fiber_limit.hpp>
#include <ramie/sched/detail/spawn.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/detail/wait_bounds.hpp>

namespace ramie::detail {

/// The untyped half of task_group. A member is counted from before its spawn until its record is
/// free; the step that brings the count to zero is the last touch of the group by any member.
class fiber_group {
 public:
  /// Members inherit the deadline of the scopes around the constructor. `max_running`: how many
  /// members there may be at once; 0: any number.
  explicit fiber_group(std::size_t max_running) noexcept
      : deadline_(current_bounds().deadline),
        places_(max_running, "spawn: max_running tasks of the group run") {}
  fiber_group(fiber_group const&) = delete;
  fiber_group& operator=(fiber_group const&) = delete;
  /// Cancels, waits, and drops what the members threw.
  ~fiber_group();

  /// Starts a member on the current runtime. Waits for a place in a bounded group if `may_wait`;
  /// false: there is none.
  template <class F, class... Args>
  bool spawn(bool may_wait, fiber_options const& options, F&& f, Args&&... args) {
    if (!enter(may_wait)) return false;
    fiber_record* member = nullptr;
    try {
      member = &prepare_fiber(current_or_default_core(), options, true, std::forward<F>(f),
                              std::forward<Args>(args)...);
    } catch (...) {
      leave();
      throw;
    }
    adopt(*member);
    launch(*member, true);
    return true;
  }

  /// Waits for the end of all members, then throws the first exception that one of them let out. If
  /// the wait is interrupted it cancels them, waits for them all the same, and throws `cancelled`
  /// or `timed_out` if no member threw; `cancelled` too if the end of the runtime has cut a member
  /// off. By one fiber or thread at a time.
  void wait();

  /// Asks all members to end, and those that are still to come until the next wait has returned.
  void cancel() noexcept;

  // --- by a member

  /// Its callable has been left, by `thrown` if not null. On the member, which is still a fiber.
  void finished(fiber_record& member, std::exception_ptr thrown) noexcept;
  /// Its record is free.
  void leave() noexcept;

 private:
  bool enter(bool may_wait);
  void adopt(fiber_record& member) noexcept;
  void cancel_members() noexcept;
  wake wait_until_empty(interruptible mode);
  bool left_to_parent() noexcept;

  steady_time const deadline_;
  fiber_limit places_;
  tiny_lock lock_;
  // All guarded by lock_.
  std::size_t count_ = 0;
  fiber_record* first_ = nullptr;  // the members whose callables have not been left
  waiter* waiting_ = nullptr;
  bool cancelled_ = false;
  bool cut_off_ = false;        // a member was cancelled, and not by the group
  std::exception_ptr failure_;  // the first one
};

}  // namespace ramie::detail
