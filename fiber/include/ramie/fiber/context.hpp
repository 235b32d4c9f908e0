// Switching between stacks, and what a switch takes along.
//
// A `context` is a line of execution with a stack of its own that is not running now: a suspended
// fiber, a fiber that has not begun, or the native stack of an OS thread that runs fibers. A switch
// carries registers (by Boost.Context's fcontext), errno, and the C++ runtime's exception globals.
// ramie is the only owner of the latter: fcontext itself never touches them in any Boost release;
// the classes that Boost >= 1.88 puts above it do, and ramie uses none of those.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <ramie/fiber/stack_pool.hpp>

namespace ramie::detail {

/// The layout that the Itanium C++ ABI gives __cxa_eh_globals.
struct exception_globals {
  void* caught = nullptr;
  unsigned uncaught = 0;
};

/// Where an OS thread keeps what a switch swaps. Looked up once per thread and handed to every
/// switch made on it: the compiler may cache these addresses, and a fiber's code must not.
struct thread_slots {
  int* error_number = nullptr;
  exception_globals* exceptions = nullptr;

  static thread_slots of_this_thread() noexcept;
};

/// What the sanitizers know about a stack. Unused in plain builds, but always there, so that the
/// layout does not depend on how a user's own code is compiled.
struct sanitizer_state {
  void* fake_stack = nullptr;    // ASan: the frames it keeps off the stack
  void* tsan_fiber = nullptr;    // TSan: its idea of a thread
  void const* bottom = nullptr;  // lowest address of the stack, null for a thread's own
  std::size_t size = 0;
};

class context;

/// The last step of a stack: where it goes from there. `from` is only scratch space; it stands for
/// the stack that is left, and whoever is entered may use that stack again.
struct departure {
  context* from = nullptr;
  context* to = nullptr;
  thread_slots const* slots = nullptr;  // of the OS thread that makes the switch
};

/// What runs on a fresh stack. It returns when the stack is to be left for good: the switch is made
/// by the outermost frame, so that the processor's stack of return addresses is as the context that
/// is continued left it, and its returns are predicted.
using entry_function = departure (*)() noexcept;

class context {
 public:
  context() = default;
  context(context const&) = delete;
  context& operator=(context const&) = delete;

  /// Makes this a context that runs `entry` on the stack [low, low + size) at the first switch to
  /// it. The stack's memory is as the kernel gave it, or as `rest` left it.
  void prepare(std::byte* low, std::size_t size, entry_function entry) noexcept;

  /// Makes this the context of the calling OS thread's own stack.
  void adopt_thread() noexcept;

  /// Forgets the stack ending at `top`, whose entry has returned; its owner may use it again. Its
  /// outermost frame stays there, for the next `prepare`, which would have to make one.
  void rest(std::byte* top) noexcept;

  /// Suspends the caller in `from` and continues `to`. `slots` are those of the calling OS thread.
  /// Returns when something switches to `from` again, maybe on another OS thread; until the switch
  /// is complete nobody else may switch to `from`, so the caller leaves its publication to the
  /// code that runs next (`to`, right after its own switch_to returns, or at its entry).
  static void switch_to(context& from, context& to, thread_slots const& slots) noexcept;

  /// Makes this stand for the running stack, in the place of `previous`, which forgets it: the
  /// stack of a finished fiber goes on as another one's. Only where the sanitizers don't mind: not
  /// in TSan builds, which tell fibers apart by their switches.
  void continue_on(context& previous) noexcept;

  /// Has so many cache lines of the latest frames fetched, if it is suspended: it continues soon.
  /// Any thread.
  // Always inlined: gcc takes a function that only prefetches for one without any effect.
  [[gnu::always_inline]] void prefetch(int lines = 12) const noexcept {
    auto const* const frames =
        static_cast<std::byte const*>(registers_.load(std::memory_order_relaxed));
    if (frames == nullptr) return;
    // Not beyond the page: the next one may be a guard, and the processor looks for that each time.
    std::size_t const left = page_size - reinterpret_cast<std::uintptr_t>(frames) % page_size;
    std::size_t const bytes = std::min(left, static_cast<std::size_t>(64 * lines));
    for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(frames + at, 1);
  }

  friend struct context_entry;

 private:
  void swap_thread_state(context& to, thread_slots const& slots) noexcept;

  // fcontext_t: the stack pointer below the saved registers; null: not suspended. Relaxed: whoever
  // may continue it has it by other means, and prefetch takes it for a hint.
  std::atomic<void*> registers_{nullptr};
  exception_globals exceptions_{};
  int error_number_ = 0;
  entry_function entry_ = nullptr;
  sanitizer_state sanitizers_{};
};

/// Whether ramie itself was compiled with a sanitizer that tells stacks apart.
bool built_with_asan() noexcept;
bool built_with_tsan() noexcept;

/// Throws std::system_error if this machine's control-flow protection keeps shadow stacks, which a
/// switch by Boost.Context's fcontext does not carry along.
void require_no_shadow_stack();

}  // namespace ramie::detail
