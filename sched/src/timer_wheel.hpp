// The timers of one worker's fibers: a wheel of unsorted slots.
//
// A deadline is a number of eleven digits of six bits. A timer lies in the slot of the highest
// digit in which its deadline differs from the base, a time that the wheel has reached (G.
// Varghese, T. Lauck, "Hashed and hierarchical timing wheels", SOSP 1987; the level from the
// difference, as in R. Ahuja, K. Mehlhorn, J. Orlin, R. Tarjan, "Faster algorithms for the shortest
// path problem", JACM 1990). When the time of a slot comes, its timers fire if they are few, else
// they move to lower levels. Adding is O(1) and needs no memory that could be lacking, since
// `reserve` has been there.
//
// Nothing here lies on the waiting stacks or in the records: of many sleepers each is in no cache.
// So a wait that ends before its deadline leaves its timer behind. That names the wait by its
// number, claims nothing any more, and goes when the wheel comes to it; once such timers are more
// than a third, the wheel looks for them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <vector>

#include <ramie/sched/detail/record.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>

namespace ramie::detail {

/// steady_clock nanoseconds: what the scheduler's atomics hold.
using tick_time = std::int64_t;
inline constexpr tick_time never = std::numeric_limits<tick_time>::max();

/// Thread safety: any thread may call any member of one that is `shared`. Of another, one thread at
/// a time, but for `reserve` and `next_due`.
class timer_wheel {
 public:
  timer_wheel(bool shared, tick_time now) noexcept : shared_(shared), base_(now) {}
  ~timer_wheel();
  timer_wheel(timer_wheel const&) = delete;
  timer_wheel& operator=(timer_wheel const&) = delete;

  /// Makes room for one timer of each of so many fibers. Throws std::system_error or
  /// std::bad_alloc; what was reserved before stays.
  void reserve(std::size_t fibers);

  /// Sets a timer for wait `episode` of the fiber, which has no other that is still to end.
  void add(fiber_record& fiber, std::uint64_t episode, tick_time due) noexcept;

  /// Says that something else has ended a wait that has a timer here.
  void note_ended() noexcept;

  /// Ends the waits that are due at `now` and that nobody else has ended, the earliest first;
  /// returns how many.
  unsigned fire(tick_time now) noexcept;

  /// The earliest deadline, `never` if there is none. May be that of a wait that has ended.
  tick_time next_due() const noexcept { return next_due_.load(std::memory_order_seq_cst); }

 private:
  struct timer {
    tick_time due;
    fiber_record* fiber;
    std::uint64_t episode;

    bool has_ended() const noexcept { return fiber->word.has_ended(episode); }
  };

  struct chunk {
    static constexpr std::size_t size = 512;
    static constexpr std::uint32_t capacity = 21;
    chunk* next;
    std::array<timer, capacity> timers;

    // Always inlined: gcc takes a function that only prefetches for one without any effect.
    [[gnu::always_inline]] void prefetch() const noexcept {
      for (std::size_t at = 0; at < size; at += 64) {
        __builtin_prefetch(reinterpret_cast<std::byte const*>(this) + at, 1);
      }
    }
  };
  static_assert(sizeof(chunk) == chunk::size);

  struct slot {
    chunk* first = nullptr;  // all others are full
    std::uint32_t count = 0;
    std::uint32_t in_first = 0;
    tick_time earliest = never;  // no timer is earlier
  };

  struct place {
    unsigned level;
    unsigned index;

    bool operator==(place const&) const = default;
  };

  static constexpr unsigned digit_bits = 6;
  static constexpr unsigned slots = 1U << digit_bits;
  static constexpr unsigned levels = (64 + digit_bits - 1) / digit_bits;
  // So many timers fire while the lock is held once; a slot of no more need not be sorted in.
  static constexpr unsigned batch = 64;

  class guard;

  slot& at(place where) noexcept { return wheel_[where.level][where.index]; }
  bool find_first(place& found) const noexcept;
  place place_of(tick_time when) const noexcept;
  void put(place where, timer const& added) noexcept;
  static bool has_room(slot const& into) noexcept;
  void make_room(place where) noexcept;
  void drop(slot& from, chunk& holder, unsigned index) noexcept;
  template <class Gone>
  void drop_if(slot& from, chunk& holder, Gone gone) noexcept;
  template <class Gone>
  void drop_if(place where, Gone gone) noexcept;
  auto drop_ended() noexcept;
  void emptied(place where) noexcept;
  void sort_in(place where) noexcept;
  void take_due(tick_time now) noexcept;
  bool claim_due(tick_time now, fiber_record*& ended) noexcept;
  void publish() noexcept;

  void sweep(std::uint64_t chunks) noexcept;
  chunk* take_unused() noexcept;
  void give_chunk(chunk& unused) noexcept;

  bool const shared_;
  tiny_lock lock_;
  // The earliest deadline or `never`. Written under the lock; seq_cst, because a worker that is
  // about to sleep announces how long and then reads it, while whoever adds a timer writes it and
  // then reads the announcement (core::sleep_deadline_).
  std::atomic<tick_time> next_due_{never};
  std::atomic<std::uint64_t> ended_{0};  // how often note_ended was called; relaxed

  // Under the lock.
  tick_time base_;
  std::uint64_t total_ = 0;
  std::uint64_t dropped_ = 0;  // timers of waits that something else had ended
  chunk* unused_ = nullptr;    // linked by next
  chunk* fresh_ = nullptr;     // never used, up to fresh_end_
  chunk* fresh_end_ = nullptr;
  // What the sweep is to look at next: a chunk of the slot `swept_`; null: the next slot.
  chunk* to_sweep_ = nullptr;
  place swept_{0, 0};
  unsigned taken_ = 0;
  std::array<timer, batch> due_;              // those that are being fired: due_[0, taken_)
  std::uint32_t used_levels_ = 0;             // bits: those with timers
  std::array<std::uint64_t, levels> used_{};  // the same of their slots
  std::array<std::array<slot, slots>, levels> wheel_{};

  struct block {
    chunk* first;
    std::size_t count;
  };
  std::mutex supply_;
  std::vector<block> blocks_;     // under supply_
  std::size_t blocks_taken_ = 0;  // under supply_: they are fresh_ now, or were
  std::size_t reserved_ = 0;      // under supply_: chunks in all blocks
};

}  // namespace ramie::detail
