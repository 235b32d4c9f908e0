#include "fiber_ids.hpp"

#include <atomic>

namespace ramie::detail {

std::uint64_t draw_ids(std::uint64_t count) noexcept {
  // Any value; relaxed: only unique. On a line of its own: every thread writes it.
  alignas(64) static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(count, std::memory_order_relaxed);
}

// Not inlined, by link-time optimisation either: the caller may have waited, and gone on on another
// thread.
[[gnu::noinline]] std::uint64_t draw_id() noexcept {
  asm volatile("" ::: "memory");
  constexpr std::uint64_t block = 64;
  thread_local std::uint64_t next = 0;
  thread_local std::uint64_t end = 0;
  if (next == end) {
    next = draw_ids(block);
    end = next + block;
  }
  return next++;
}

}  // namespace ramie::detail
