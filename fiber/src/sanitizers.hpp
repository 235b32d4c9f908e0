// The one place that knows sanitizers and Valgrind. Every switch of stacks is announced here.
#pragma once

#include <cstddef>
#include <mutex>

#include <ramie/fiber/context.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define RAMIE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RAMIE_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define RAMIE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RAMIE_TSAN 1
#endif
#endif

#ifdef RAMIE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef RAMIE_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

namespace ramie::detail::sanitizers {

#ifdef RAMIE_ASAN
inline constexpr bool asan = true;
#else
inline constexpr bool asan = false;
#endif
#ifdef RAMIE_TSAN
inline constexpr bool tsan = true;
#else
inline constexpr bool tsan = false;
#endif

/// A fresh stack begins to serve a fiber.
inline void stack_bound([[maybe_unused]] sanitizer_state& state, void const* low,
                        std::size_t size) noexcept {
  state.bottom = low;
  state.size = size;
  state.fake_stack = nullptr;
#ifdef RAMIE_TSAN
  state.tsan_fiber = __tsan_create_fiber(0);
#endif
}

/// The native stack of an OS thread joins in.
inline void thread_adopted([[maybe_unused]] sanitizer_state& state) noexcept {
#ifdef RAMIE_TSAN
  state.tsan_fiber = __tsan_get_current_fiber();
#endif
}

/// A stack serves no fiber any more. Not called on that stack.
inline void stack_released([[maybe_unused]] sanitizer_state& state) noexcept {
#ifdef RAMIE_TSAN
  if (state.tsan_fiber != nullptr) __tsan_destroy_fiber(state.tsan_fiber);
  state.tsan_fiber = nullptr;
#endif
#ifdef RAMIE_ASAN
  // What the dead frames left poisoned would accuse the next fiber on this stack.
  if (state.bottom != nullptr) __asan_unpoison_memory_region(state.bottom, state.size);
#endif
}

/// Right before a switch, on the stack that is left; `final`: it is never continued.
[[gnu::always_inline]] inline void before_switch([[maybe_unused]] sanitizer_state& from,
                                                 [[maybe_unused]] sanitizer_state& to,
                                                 [[maybe_unused]] bool final) noexcept {
#ifdef RAMIE_ASAN
  __sanitizer_start_switch_fiber(final ? nullptr : &from.fake_stack, to.bottom, to.size);
#endif
#ifdef RAMIE_TSAN
  __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
}

/// Right after a switch, on the stack that is entered. `left` is whom it came from: ASan tells the
/// bounds of a thread's own stack only here.
inline void after_switch([[maybe_unused]] sanitizer_state& entered,
                         [[maybe_unused]] sanitizer_state& left) noexcept {
#ifdef RAMIE_ASAN
  void const* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(entered.fake_stack, &bottom, &size);
  if (left.bottom == nullptr) {
    left.bottom = bottom;
    left.size = size;
  }
#endif
}

/// Valgrind: from `low` on there are `count` stacks of `size` bytes each, the guard page at the low
/// end included. Returns the id of the first; the others' follow it. The id goes to
/// stacks_unmapped.
inline unsigned stacks_mapped([[maybe_unused]] std::byte* low, [[maybe_unused]] std::size_t size,
                              [[maybe_unused]] std::size_t guard,
                              [[maybe_unused]] std::size_t count) noexcept {
  unsigned first = 0;
#ifdef VALGRIND_STACK_REGISTER
  if (RUNNING_ON_VALGRIND == 0) return 0;
  static std::mutex one_slab_at_a_time;  // or two slabs' ids would mix
  std::lock_guard const guarded(one_slab_at_a_time);
  for (std::size_t i = 0; i < count; ++i) {
    unsigned const id = VALGRIND_STACK_REGISTER(low + i * size + guard, low + (i + 1) * size);
    if (i == 0) first = id;
  }
#endif
  return first;
}

inline void stacks_unmapped([[maybe_unused]] unsigned first,
                            [[maybe_unused]] std::size_t count) noexcept {
#ifdef VALGRIND_STACK_DEREGISTER
  if (RUNNING_ON_VALGRIND == 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    VALGRIND_STACK_DEREGISTER(first + static_cast<unsigned>(i));
  }
#endif
}

}  // namespace ramie::detail::sanitizers
