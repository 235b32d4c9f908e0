// What is done at the end of a fiber or thread, once its locals are gone.
#pragma once

namespace ramie::detail {

/// run(first, second), to be called once.
struct exit_action {
  void (*run)(void* first, void* second) noexcept;
  void* first;
  void* second;
};

/// Has the action run at the end of the calling fiber or plain OS thread, on it: after the
/// destructors of its fiber_locals (on a thread: of its thread_locals too), before whoever joins it
/// goes on; one action after another as they were added. Throws std::bad_alloc, and
/// std::system_error if the thread's end cannot be awaited; the action is not taken then.
void at_exit(exit_action const& action);

}  // namespace ramie::detail
