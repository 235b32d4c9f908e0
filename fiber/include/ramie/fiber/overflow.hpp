// Stack overflow: the fault on a guard page becomes a report that names the fiber.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ramie::detail {

/// The fiber that runs on the calling OS thread, as a report names it.
struct running_fiber {
  char name[32] = {};  // empty: unnamed
  std::uint64_t id = 0;
  std::byte* low = nullptr;  // the stack is [low, top), its guard page lies right below
  std::byte* top = nullptr;
};

/// Fills in who runs on the calling thread; false: no fiber. Async-signal-safe.
using running_fiber_lookup = bool (*)(running_fiber&) noexcept;

/// Installs the SIGSEGV and SIGBUS handler of the process, once; later calls do nothing. A fault on
/// the guard page of the running fiber's stack is reported on standard error (name, id, stack
/// range, backtrace); then, and for every other fault, the handler that was there before runs.
void install_overflow_handler(running_fiber_lookup lookup);

/// A stack for the signal handlers of one OS thread: a handler can't run on a fiber's stack that
/// has just overflowed.
class alternate_signal_stack {
 public:
  /// Throws std::system_error when memory runs out. Any thread.
  alternate_signal_stack();
  ~alternate_signal_stack();
  alternate_signal_stack(alternate_signal_stack const&) = delete;
  alternate_signal_stack& operator=(alternate_signal_stack const&) = delete;

  /// Makes it the calling thread's, unless that has one already.
  void install() noexcept;
  /// To be called by the same thread, before the object ends.
  void uninstall() noexcept;

 private:
  void* memory_;
  bool installed_ = false;
};

}  // namespace ramie::detail
