// The control block of a fiber.
//
// Records live in chunks that their runtime's record_pool keeps until its end, and are reused: a
// stale pointer to one is always a pointer to some record. That makes the chunks the registry of
// all fibers: whoever wants to list them walks the chunks (record_pool::for_each).
//
// A record has one owner at a time: the run queue or primitive that holds it, the worker that runs
// it; when it has finished, whoever the join word says (basic_join_word).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <string_view>

#include <ramie/fiber/context.hpp>
#include <ramie/fiber/float_control.hpp>
#include <ramie/fiber/stack_pool.hpp>
#include <ramie/sched/atomics.hpp>
#include <ramie/sched/detail/join_word.hpp>
#include <ramie/sched/detail/park_word.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/detail/wait_bounds.hpp>
#include <ramie/sched/park.hpp>

namespace ramie::detail {

class core;
class fiber_group;
class record_pool;
struct fiber_record;
struct local_values;
class worker_thread;

using park_word = basic_park_word<std_atomics>;
using cancel_flag = basic_cancel_flag<std_atomics>;
using join_word = basic_join_word<std_atomics>;

/// What parks: a fiber's record, or the thread-local of a plain OS thread. Type-stable for as long
/// as a waiter that is bound to it is published.
class parker {
 public:
  explicit parker(bool fiber) noexcept : is_fiber(fiber) {}
  parker(parker const&) = delete;
  parker& operator=(parker const&) = delete;

  park_word word;
  wake outcome = wake::unparked;  // written by the winner of a claim, before its release
  wait_bounds bounds;             // the owner's
  bool const is_fiber;
};

/// The life of a fiber as a dump shows it.
enum class fiber_state : std::uint8_t { free, ready, running, blocking, parked, finished };

/// A type-erased callable with the place of its result. The functions of one `spawn`.
struct task_operations {
  void (*run)(fiber_record&);                   // calls it, stores result or exception, destroys it
  void (*discard)(fiber_record&) noexcept;      // destroys the callable that never ran
  void (*drop_result)(fiber_record&) noexcept;  // destroys the result, frees the payload
};

/// What a finished fiber left.
enum class task_outcome : std::uint8_t { none, value, exception };

/// A fiber's name, of at most 31 bytes: written by its owner, read by dumps at any time.
class fiber_name {
 public:
  void assign(std::string_view name) noexcept {
    // Most fibers have none, and are made of records whose last fibers had none.
    if (!name.empty() || words_[0].load(std::memory_order_relaxed) != 0) replace(name);
  }
  void copy_to(char (&out)[32]) const noexcept;

 private:
  void replace(std::string_view name) noexcept;

  // Any value; a torn read shows parts of two names, which a dump tells by the changed id.
  std::array<std::atomic<std::uint64_t>, 4> words_{};
};

struct alignas(64) fiber_record : parker {
  fiber_record() noexcept : parker(true) {}

  static constexpr std::size_t inline_payload = 96;

  // --- what every switch touches: with the parker, two lines
  // Whether a cancellation may end the present wait. Written by the fiber before it parks; relaxed:
  // ordered by the park word.
  std::atomic<bool> interruptible_now{false};
  context registers;
  stack_top stack = nullptr;  // null: not begun
  worker_thread* pinned_to = nullptr;

  // --- what a spawn writes and a queue reads: one line, and the callable in the next ones
  fiber_record* queue_next = nullptr;  // intrusive lists: overflow, pinned, free
  std::int64_t queued_at = 0;          // steady_clock nanoseconds of a sampled push, or 0
  std::atomic<std::uint64_t> id{0};    // 0: free. release by the owner, acquire by core::cancel_all
  task_operations const* operations = nullptr;
  void* payload = nullptr;           // &inline_storage or heap; null: none
  stack_pool* odd_stacks = nullptr;  // the pool of a stack that is not of the default size
  join_word join;
  // A fiber_state; relaxed: dumps and metrics only.
  std::atomic<fiber_state> state{fiber_state::free};
  cancel_flag cancel;  // sticky until the fiber ends
  bool starts_pinned = false;
  task_outcome outcome_kind = task_outcome::none;
  float_control float_modes;  // its spawner's, which it begins with
  alignas(16) std::byte inline_storage[inline_payload];

  // --- what a wait touches beside: with the callable's end, one line
  core* home = nullptr;         // dangles once the runtime has ended: then only the handle is left
  record_pool* pool = nullptr;  // where the record belongs, for good
  // Relaxed: dumps only.
  std::atomic<const char*> reason{nullptr};
  std::atomic<void const*> reason_object{nullptr};

  // --- seldom written
  std::exception_ptr exception;
  local_values* locals = nullptr;
  fiber_name name;
  std::uint32_t pins = 0;

  // --- the group that it belongs to, if any; the links are guarded by the group's lock
  fiber_group* group = nullptr;
  fiber_record* group_next = nullptr;
  fiber_record* group_previous = nullptr;

  // --- what a cancellation asks to stop, if anything (a jthread's source)
  tiny_lock stop_lock;
  // Null, or a source that lives until it is set to null again; written under stop_lock. seq_cst,
  // against the request to cancel: whoever registers a source then looks at the request.
  std::atomic<std::stop_source*> stop{nullptr};

  // Of a job that waits for a thread of the blocking pool: its id; else 0 (see blocking_pool.hpp).
  std::atomic<std::uint64_t> blocking_ticket{0};
};

/// Has what a spawn writes fetched from the cache of the processor that used it last.
// Always inlined: gcc takes a function that only prefetches for one without any effect.
[[gnu::always_inline]] inline void prefetch_spawned(fiber_record const* fiber) noexcept {
  __builtin_prefetch(&fiber->queue_next, 1);
  __builtin_prefetch(fiber->inline_storage, 1);
}

/// Has what a switch touches fetched; the stack, which it names, is for context::prefetch.
[[gnu::always_inline]] inline void prefetch_switched(fiber_record const* fiber) noexcept {
  __builtin_prefetch(fiber, 1);
  __builtin_prefetch(&fiber->stack, 1);
  __builtin_prefetch(&fiber->queue_next, 1);
  __builtin_prefetch(&fiber->home, 1);
  __builtin_prefetch(&fiber->exception, 1);
}

/// Ends wait `episode` of the fiber as cancelled, if nobody has ended it.
void cancel_wait(fiber_record& fiber, std::uint64_t episode) noexcept;

/// Asks the fiber to end: sticky, and ends its present wait if that is interruptible. The caller
/// owns the record's join side, or walks the registry while the pool lives. Any thread.
void request_cancel(fiber_record& fiber) noexcept;

/// The source that the fiber's cancellation is to ask to stop; without a state if there is none.
/// Asking it runs its user's callbacks: with no lock held.
std::stop_source stop_source_of(fiber_record& fiber) noexcept;

/// request_cancel, and asks its source to stop. The caller owns the record's join side.
void cancel_fiber(fiber_record& fiber) noexcept;

}  // namespace ramie::detail
