// Stacks for fibers: carved from slabs, guarded, kept warm, and given back to the kernel.
//
// Thread safety: every member of stack_pool may be called by any thread. stack_cache belongs to one
// worker.
//
// Invariants:
//  1. Between a stack and its lower neighbour lies an inaccessible page, from the moment the stack
//     is handed out for the first time.
//  2. mapped >= reserved + slack: whoever holds a reservation finds a stack, even while up to
//     `slack` free ones lie in caches (pigeonhole).
//  3. The free list never has to grow while stacks are given back: `give` cannot fail.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

namespace ramie::detail {

/// How the page below a stack is made inaccessible.
enum class guard_kind {
  probe,          // the better one that the running kernel has
  madvise_guard,  // MADV_GUARD_INSTALL (Linux >= 6.13): costs no mapping
  mprotect,       // splits the mapping: the mapping limit bounds the number of stacks
};

inline constexpr std::size_t page_size = 4096;
inline constexpr std::size_t min_stack_size = 16 * 1024;
inline constexpr std::size_t max_stack_size = std::size_t{1} << 30;

/// What a request for a stack of `size` bytes gets: the next power of two, within the limits.
/// Throws std::system_error(invalid_argument) above max_stack_size.
std::size_t round_stack_size(std::size_t size);

/// A stack, named by the address just above its highest byte.
using stack_top = std::byte*;

class stack_pool {
 public:
  /// Stacks of `size` bytes (a result of round_stack_size), the guard page included.
  explicit stack_pool(std::size_t size, guard_kind guard = guard_kind::probe);
  ~stack_pool();  // every stack must have come back
  stack_pool(stack_pool const&) = delete;
  stack_pool& operator=(stack_pool const&) = delete;

  std::size_t size() const noexcept { return size_; }
  guard_kind guard() const noexcept { return guard_; }

  /// Makes sure that `count` more stacks can be taken. Throws std::system_error when mappings or
  /// memory run out; nothing has changed then.
  void reserve(std::size_t count);
  void unreserve(std::size_t count) noexcept;

  /// Lets `count` more free stacks lie in caches. Throws like reserve.
  void add_slack(std::size_t count);

  /// Fills a part of `out` and returns how many. 0 only if the kernel refuses a guard page.
  std::size_t take(std::span<stack_top> out) noexcept;

  /// Takes stacks back.
  void give(std::span<stack_top const> stacks) noexcept;

  /// Gives memory back to the kernel, of stacks that nobody has taken for a whole period: a few
  /// keep their warm pages, the others none. In small steps: true: more is to be done at once, by
  /// another call. False: this was all, and the next call, a period later, begins anew.
  bool trim_unused() noexcept;

  /// Whether trim_unused may find anything, now or in later periods.
  bool untrimmed() const noexcept { return untrimmed_.load(std::memory_order_relaxed); }

  /// The stack's lowest usable byte.
  std::byte* low(stack_top top) const noexcept { return top - size_ + page_size; }

  /// How many bytes of the stack have been touched since its pages were last given back, in whole
  /// pages. The stack must not be unmapped meanwhile.
  std::size_t high_water(stack_top top) const noexcept;

  /// Gives all pages but the warm ones at the top back to the kernel. The stack must be free.
  void trim(stack_top top) const noexcept;

 private:
  struct slab {
    std::byte* low;
    std::size_t bytes;
    unsigned first_valgrind_id;
  };

  void grow(std::size_t needed);
  void add_slab();
  slab map_slab(std::size_t bytes) const;
  bool install_guard(stack_top top) const noexcept;
  void unmap(slab const& gone) const noexcept;

  std::size_t const size_;
  guard_kind const guard_;
  mutable std::mutex mutex_;
  std::vector<slab> slabs_;
  std::vector<stack_top> free_;         // capacity >= mapped_ at all times
  std::size_t trimmed_ = 0;             // free_[0, trimmed_) have no deep pages
  std::size_t cold_ = 0;                // free_[0, cold_) have no pages at all; <= trimmed_
  std::size_t low_water_ = 0;           // free_[0, low_water_) were not taken in this period
  std::size_t goal_ = 0;                // nor free_[0, goal_) in the one that is being worked off
  bool trimming_ = false;               // a period's work is not done yet
  std::atomic<bool> untrimmed_{false};  // relaxed: a hint, written under the lock
  std::byte* fresh_ = nullptr;          // stacks of the newest slab that were never handed out
  std::byte* fresh_end_ = nullptr;
  std::vector<slab> waiting_;  // newer slabs, untouched so far
  std::size_t mapped_ = 0;
  std::size_t reserved_ = 0;
  std::size_t slack_ = 0;
};

/// A worker's few free stacks: taking and giving costs no lock in steady state.
class stack_cache {
 public:
  static constexpr std::size_t capacity = 128;

  explicit stack_cache(stack_pool& pool) noexcept : pool_(&pool) {}
  stack_cache(stack_cache const&) = delete;
  stack_cache& operator=(stack_cache const&) = delete;

  /// Null only if the kernel refuses a guard page.
  stack_top take() noexcept {
    if (count_ == 0 && (count_ = pool_->take(std::span(stacks_).first(capacity / 2))) == 0) {
      return nullptr;
    }
    stack_top const taken = stacks_[--count_];
    prefetch_next();
    return taken;
  }

  void give(stack_top top) noexcept {
    if (count_ == capacity) flush(capacity / 2);
    stacks_[count_++] = top;
    if (dirty_ < count_) dirty_ = count_;
  }

  /// Gives the deep pages of the stacks that came back since the last call to the kernel: for a
  /// worker that has nothing else to do.
  void trim() noexcept;
  bool untrimmed() const noexcept { return dirty_ != 0; }

  /// Returns everything to the pool.
  void clear() noexcept { flush(count_); }

 private:
  // What a fiber writes first: where many stacks are in use in turn, the next one is in no cache.
  // Nor may the page tables be; a fetch waits for them, so it is made for several stacks at once.
  // Always inlined: gcc takes a function that only prefetches for one without any effect.
  [[gnu::always_inline]] void prefetch_next() const noexcept {
    constexpr std::size_t lines = 12;
    constexpr std::size_t pages = 8;
    if (count_ != 0) prefetch(stacks_[count_ - 1], lines);
    if (count_ % pages != 0) return;
    for (std::size_t i = 2; i <= std::min(pages + 1, count_); ++i) prefetch(stacks_[count_ - i], 1);
  }

  [[gnu::always_inline]] static void prefetch(stack_top top, std::size_t lines) noexcept {
    for (std::size_t i = 1; i <= lines; ++i) __builtin_prefetch(top - 64 * i, 1);
  }

  void flush(std::size_t count) noexcept;

  stack_pool* pool_;
  std::size_t count_ = 0;
  std::size_t dirty_ = 0;  // stacks_[0, dirty_) may have deep pages
  std::array<stack_top, capacity> stacks_{};
};

}  // namespace ramie::detail
