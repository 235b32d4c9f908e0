// Where fiber records come from, and the registry of all fibers of a runtime.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <ramie/fiber/stack_pool.hpp>
#include <ramie/sched/detail/record.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/runtime.hpp>

namespace ramie::detail {

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

  /// A list of up to `wanted` free records, linked by queue_next. Throws like take.
  fiber_record* take_list(std::size_t wanted, std::size_t& got);

  void give(fiber_record* record) noexcept { give_list(record, record, 1); }
  void give_list(fiber_record* first, fiber_record* last, std::size_t count) noexcept;

  /// The runtime ends: no stacks any more. Deletes the pool now or when the last record returns.
  static void retire(std::unique_ptr<record_pool> pool) noexcept;

  std::function<void(unhandled_exception const&)> const on_unhandled_exception;

  /// Calls visit(fiber_record&) for every record, free ones too.
  template <class Visit>
  void for_each(Visit visit) {
    std::lock_guard lock(mutex_);
    for (record_chunk& chunk : chunks_) {
      for (std::size_t i = 0; i < chunk.size; ++i) visit(chunk[i]);
    }
  }

 private:
  // Records on pages of their own: they go back to the kernel whole when the pool ends.
  class record_chunk {
   public:
    static constexpr std::size_t size = 256;

    record_chunk();  // throws std::system_error
    record_chunk(record_chunk&& other) noexcept
        : records_(std::exchange(other.records_, nullptr)) {}
    record_chunk& operator=(record_chunk&&) = delete;
    ~record_chunk();
    fiber_record& operator[](std::size_t i) noexcept { return records_[i]; }

   private:
    fiber_record* records_;
  };

  void grow();
  fiber_record* pop_ahead() noexcept;
  void keep_ahead(fiber_record* list) noexcept;

  // Records taken ahead for spawns from outside, so that these meet the workers, which give records
  // back, once in a batch only.
  tiny_lock ahead_lock_;
  fiber_record* ahead_ = nullptr;  // under ahead_lock_; linked by queue_next

  core& home_;  // not used after the runtime's end
  std::mutex mutex_;
  stack_pool* stacks_;
  std::vector<record_chunk> chunks_;
  fiber_record* free_ = nullptr;
  std::size_t free_count_ = 0;
  std::size_t total_ = 0;
  bool retired_ = false;
};

/// So many records go to or from the pool at once.
inline constexpr std::size_t record_batch = 128;

/// A worker's few free records.
class record_cache {
 public:
  explicit record_cache(record_pool& pool) noexcept : pool_(&pool) {}
  record_cache(record_cache const&) = delete;
  record_cache& operator=(record_cache const&) = delete;

  /// Throws like record_pool::take.
  fiber_record* take() {
    if (free_ == nullptr) free_ = pool_->take_list(record_batch, count_);
    fiber_record* const record = free_;
    free_ = record->queue_next;
    --count_;
    return record;
  }

  void give(fiber_record* record) noexcept {
    record->queue_next = free_;
    free_ = record;
    if (++count_ > 2 * record_batch) flush(record_batch);
  }

  void clear() noexcept {
    if (count_ > 0) flush(count_);
  }

 private:
  void flush(std::size_t count) noexcept;

  record_pool* pool_;
  fiber_record* free_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace ramie::detail
