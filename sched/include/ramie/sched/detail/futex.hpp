// Sleeping on a word, by the futex system call (futex(2)).
#pragma once

#include <chrono>
#include <cstdint>

namespace ramie::detail {

/// Blocks the OS thread while the 32 bits at `word` are `expected`, until a wake, the deadline
/// (max(): none) or a spurious return. Returns false if the deadline has come. errno is kept.
bool futex_wait(void const* word, std::uint32_t expected,
                std::chrono::steady_clock::time_point deadline) noexcept;

/// Wakes up to `count` threads that wait on `word`. The word may already be gone.
void futex_wake(void const* word, int count) noexcept;

/// Tells the processor that this is a spin loop.
inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace ramie::detail
