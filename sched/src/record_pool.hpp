// Where fiber records come from, and the registry of all fibers of a runtime.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <ramie/fiber/stack_pool.hpp>
#include <ramie/sched/detail/record.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/runtime.hpp>

#include "fork_epoch.hpp"

namespace ramie::detail {

/// So many records go to or from the pool at once.
inline constexpr std::size_t record_batch = 128;

/// Thread safety: any thread. A record comes with the promise of a stack: the pool reserves as many
/// stacks of the default size as there are records, so that a spawn which got its record can't fail
/// for want of a stack later.
///
/// A record may outlive the runtime in the hands of a join handle: the pool is deleted by whoever
/// returns the last record after `retire`.
class record_pool {
 public:
  /// The handler is called for what detached fibers throw: a handle may let go of a finished fiber
  /// when the runtime is gone.
  record_pool(core& home, stack_pool& stacks,
              std::function<void(unhandled_exception const&)> handler) noexcept
      : on_unhandled_exception(std::move(handler)), home_(home), stacks_(&stacks) {}
  record_pool(record_pool const&) = delete;
  record_pool& operator=(record_pool const&) = delete;

  /// One free record, for a spawn from outside. Throws std::system_error or std::bad_alloc when
  /// stacks or memory run out.
  fiber_record* take();

  /// Fills a part of `out`, which is not empty, and returns how many, at least one. The last one is
  /// the one to be used first. Throws like take.
  std::size_t take(std::span<fiber_record*> out);

  void give(fiber_record* record) noexcept { give(std::span<fiber_record* const>(&record, 1)); }
  void give(std::span<fiber_record* const> records) noexcept;

  /// The runtime ends: no stacks any more. Deletes the pool now or when the last record returns.
  static void retire(std::unique_ptr<record_pool> pool) noexcept;

  std::function<void(unhandled_exception const&)> const on_unhandled_exception;

  /// Whether the runtime ends: then all of its fibers count as cancelled, those too that the walk
  /// over the registry has not come to, or one that waits for a cancelled one would be left with an
  /// exception that nobody asked for. Set before the first is cancelled: release and acquire, so
  /// that whoever has seen one of them end sees it.
  std::atomic<bool> ending{false};

  /// Whether the process is a forked child, in which none of the fibers runs.
  bool in_forked_child() const noexcept { return fork_epoch_ != current_fork_epoch(); }

  /// Calls visit(fiber_record&) for every record, free ones too.
  template <class Visit>
  void for_each(Visit visit) {
    std::lock_guard lock(mutex_);
    for (record_chunk& chunk : chunks_) {
      for (fiber_record& each : chunk.records()) visit(each);
    }
  }

 private:
  // Records on pages of their own: they go back to the kernel whole when the pool ends.
  class record_chunk {
   public:
    explicit record_chunk(std::size_t bytes);  // throws std::system_error
    record_chunk(record_chunk&& other) noexcept : records_(std::exchange(other.records_, {})) {}
    record_chunk& operator=(record_chunk&&) = delete;
    ~record_chunk();
    std::span<fiber_record> records() const noexcept { return records_; }

   private:
    std::span<fiber_record> records_;
  };

  void grow();
  void grow_by(std::size_t bytes);
  fiber_record* pop_ahead() noexcept;
  void keep_ahead(std::span<fiber_record* const> records) noexcept;

  // Records taken ahead for spawns from outside, so that these meet the workers, which give records
  // back, once in a batch only.
  tiny_lock ahead_lock_;
  fiber_record* ahead_ = nullptr;  // under ahead_lock_; linked by queue_next

  core& home_;  // not used after the runtime's end
  std::mutex mutex_;
  stack_pool* stacks_;
  std::vector<record_chunk> chunks_;
  // Capacity >= total_ at all times; so many timers have room.
  std::vector<fiber_record*> free_;
  std::size_t total_ = 0;
  bool retired_ = false;
  unsigned const fork_epoch_ = current_fork_epoch();  // of the process that made the runtime
};

/// Whether the fiber has been asked to end, or its runtime ends.
inline bool counts_as_cancelled(fiber_record const& fiber) noexcept {
  return fiber.cancel.requested() || fiber.pool->ending.load(std::memory_order_acquire);
}

/// A worker's few free records.
class record_cache {
 public:
  explicit record_cache(record_pool& pool) noexcept : pool_(&pool) {}
  record_cache(record_cache const&) = delete;
  record_cache& operator=(record_cache const&) = delete;

  /// Throws like record_pool::take.
  fiber_record* take() {
    if (count_ == 0) count_ = pool_->take(std::span(records_).first(record_batch));
    fiber_record* const record = records_[--count_];
    // Where many are in use in turn, those that follow are in no cache.
    if (count_ >= prefetch_distance) prefetch_spawned(records_[count_ - prefetch_distance]);
    return record;
  }

  void give(fiber_record* record) noexcept {
    if (count_ == records_.size()) flush(record_batch);
    records_[count_++] = record;
  }

  void clear() noexcept { flush(count_); }

 private:
  static constexpr std::size_t prefetch_distance = 4;

  void flush(std::size_t count) noexcept {
    count_ -= count;
    pool_->give(std::span(records_).subspan(count_, count));
  }

  record_pool* pool_;
  std::size_t count_ = 0;
  std::array<fiber_record*, 2 * record_batch> records_;
};

}  // namespace ramie::detail
