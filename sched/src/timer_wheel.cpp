#include "timer_wheel.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <system_error>
#include <utility>

#include <ramie/fiber/assert.hpp>

#include "core.hpp"

namespace ramie::detail {

class timer_wheel::guard {
 public:
  explicit guard(timer_wheel& of) noexcept : of_(of) {
    if (of_.shared_) of_.lock_.lock();
  }
  guard(guard const&) = delete;
  guard& operator=(guard const&) = delete;
  ~guard() {
    if (of_.shared_) of_.lock_.unlock();
  }

 private:
  timer_wheel& of_;
};

timer_wheel::~timer_wheel() {
  for (block const& each : blocks_) ::munmap(each.first, each.count * sizeof(chunk));
}

// --- room

// For as many timers of waits that have ended as for others; and in each slot one chunk may be
// almost empty. It is address space until it is used.
void timer_wheel::reserve(std::size_t fibers) {
  std::size_t const needed = 2 * fibers / chunk::capacity + 1 + levels * slots;
  std::lock_guard const held(supply_);
  if (reserved_ >= needed) return;
  blocks_.reserve(blocks_.size() + 1);
  std::size_t const count = needed - reserved_;
  void* const mapped = ::mmap(nullptr, count * sizeof(chunk), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    throw std::system_error(errno, std::system_category(), "ramie: no memory for timers");
  }
  blocks_.push_back({static_cast<chunk*>(mapped), count});
  reserved_ += count;
}

timer_wheel::chunk* timer_wheel::take_unused() noexcept {
  if (chunk* const found = unused_) {
    unused_ = found->next;
    if (unused_ != nullptr) unused_->prefetch();
    return found;
  }
  if (fresh_ == fresh_end_) {
    std::lock_guard const held(supply_);
    if (blocks_taken_ == blocks_.size()) return nullptr;
    block const& next = blocks_[blocks_taken_++];
    fresh_ = next.first;
    fresh_end_ = next.first + next.count;
  }
  return fresh_++;
}

void timer_wheel::give_chunk(chunk& unused) noexcept {
  if (to_sweep_ == &unused) to_sweep_ = unused.next;
  unused.next = std::exchange(unused_, &unused);
}

// --- the slots

bool timer_wheel::find_first(place& found) const noexcept {
  if (used_levels_ == 0) return false;
  found.level = static_cast<unsigned>(std::countr_zero(used_levels_));
  found.index = static_cast<unsigned>(std::countr_zero(used_[found.level]));
  return true;
}

timer_wheel::place timer_wheel::place_of(tick_time when) const noexcept {
  constexpr std::uint64_t epoch = std::uint64_t{1} << 63;  // so that earlier is less
  std::uint64_t const base = static_cast<std::uint64_t>(base_) + epoch;
  std::uint64_t const due = static_cast<std::uint64_t>(std::max(when, base_)) + epoch;
  unsigned const level = static_cast<unsigned>(std::bit_width((due ^ base) | 1) - 1) / digit_bits;
  return {level, static_cast<unsigned>(due >> (level * digit_bits)) % slots};
}

void timer_wheel::put(place where, timer const& added) noexcept {
  slot& into = at(where);
  if (!has_room(into)) make_room(where);
  into.first->timers[into.in_first++] = added;
  ++into.count;
  ++total_;
  into.earliest = std::min(into.earliest, added.due);
}

bool timer_wheel::has_room(slot const& into) noexcept {
  return into.first != nullptr && into.in_first != chunk::capacity;
}

// There are chunks for a timer of each fiber. So if none is unused, the timers of waits that have
// ended fill at least one.
void timer_wheel::make_room(place where) noexcept {
  constexpr std::uint64_t tolerated = 64;
  constexpr std::uint64_t at_once = 8;
  std::uint64_t const full = total_ / chunk::capacity + 1;
  std::uint64_t const ended = ended_.load(std::memory_order_relaxed);
  if (ended > dropped_ && 3 * (ended - dropped_) > total_ + tolerated) {
    sweep(std::min(full, at_once));
    if (has_room(at(where))) return;
  }
  chunk* empty = take_unused();
  if (empty == nullptr) {
    sweep(full + levels * slots);  // all
    if (has_room(at(where))) return;
    empty = take_unused();
  }
  RAMIE_ASSERT(empty != nullptr);
  slot& into = at(where);
  empty->next = std::exchange(into.first, empty);
  into.in_first = 0;
  used_[where.level] |= std::uint64_t{1} << where.index;
  used_levels_ |= 1U << where.level;
}

// Fills the gap with the last one of the first chunk. The slot may be left empty.
void timer_wheel::drop(slot& from, chunk& holder, unsigned index) noexcept {
  chunk& first = *from.first;
  holder.timers[index] = first.timers[--from.in_first];
  --from.count;
  --total_;
  if (from.in_first != 0) return;
  from.first = first.next;
  from.in_first = from.first != nullptr ? chunk::capacity : 0;
  give_chunk(first);
}

// Calls `gone` once for each timer of the chunk, and drops those for which it returns true. All
// chunks before this one have been looked at: so have the timers that fill the gaps.
template <class Gone>
void timer_wheel::drop_if(slot& from, chunk& holder, Gone gone) noexcept {
  for (unsigned i = &holder == from.first ? from.in_first : chunk::capacity; i-- > 0;) {
    if (gone(holder.timers[i])) drop(from, holder, i);
  }
}

// The same for a whole slot.
template <class Gone>
void timer_wheel::drop_if(place where, Gone gone) noexcept {
  slot& from = at(where);
  tick_time earliest = never;
  for (chunk* next = from.first; next != nullptr;) {
    chunk& holder = *std::exchange(next, next->next);
    drop_if(from, holder, [&](timer const& each) {
      bool const goes = gone(each);
      if (!goes) earliest = std::min(earliest, each.due);
      return goes;
    });
  }
  from.earliest = earliest;
  if (from.first == nullptr) emptied(where);
}

void timer_wheel::emptied(place where) noexcept {
  at(where).earliest = never;
  used_[where.level] &= ~(std::uint64_t{1} << where.index);
  if (used_[where.level] == 0) used_levels_ &= ~(1U << where.level);
}

// Moves the base to the first slot, and that slot's timers to lower levels. All others are where
// they belong: they differ from the new base in the same digit.
void timer_wheel::sort_in(place where) noexcept {
  slot opened = std::exchange(at(where), {});
  emptied(where);
  if (swept_ == where) to_sweep_ = nullptr;
  total_ -= opened.count;
  base_ = std::max(base_, opened.earliest);
  while (opened.first != nullptr) {
    chunk& source = *opened.first;
    if (source.next != nullptr) source.next->prefetch();
    for (unsigned i = 0; i < opened.in_first; ++i) {
      put(place_of(source.timers[i].due), source.timers[i]);
    }
    opened.first = source.next;
    opened.in_first = chunk::capacity;
    give_chunk(source);
  }
}

auto timer_wheel::drop_ended() noexcept {
  return [this](timer const& each) {
    bool const ended = each.has_ended();
    dropped_ += ended ? 1 : 0;
    return ended;
  };
}

// Drops timers of waits that have ended, in so many chunks, and goes on there the next time.
void timer_wheel::sweep(std::uint64_t chunks) noexcept {
  for (; chunks != 0 && used_levels_ != 0; --chunks) {
    while (to_sweep_ == nullptr) {
      swept_.index = (swept_.index + 1) % slots;
      if (swept_.index == 0) swept_.level = (swept_.level + 1) % levels;
      to_sweep_ = at(swept_).first;
    }
    slot& from = at(swept_);
    chunk& holder = *to_sweep_;
    to_sweep_ = holder.next;
    drop_if(from, holder, drop_ended());
    if (from.first == nullptr) emptied(swept_);
  }
}

// --- in and out

void timer_wheel::publish() noexcept {
  place first{};
  next_due_.store(find_first(first) ? at(first).earliest : never, std::memory_order_seq_cst);
}

void timer_wheel::add(fiber_record& fiber, std::uint64_t episode, tick_time due) noexcept {
  guard const held(*this);
  place const where = place_of(due);
  slot& into = at(where);
  timer* const last = into.first != nullptr ? &into.first->timers[into.in_first - 1] : nullptr;
  if (last != nullptr && last->has_ended()) {  // often, where deadlines seldom come
    *last = {due, &fiber, episode};
    into.earliest = std::min(into.earliest, due);
    ++dropped_;
  } else {
    put(where, {due, &fiber, episode});
  }
  if (due < next_due_.load(std::memory_order_relaxed)) {
    next_due_.store(due, std::memory_order_seq_cst);
  }
}

void timer_wheel::note_ended() noexcept {
  if (shared_) {
    ended_.fetch_add(1, std::memory_order_relaxed);
  } else {
    ended_.store(ended_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

// Takes some of those that are due out, the earliest first; none if none is.
void timer_wheel::take_due(tick_time now) noexcept {
  auto const take = [this](timer const& each) {
    prefetch_switched(each.fiber);  // of many sleepers, it is in no cache
    due_[taken_++] = each;
  };
  taken_ = 0;
  place where{};
  while (taken_ == 0 && find_first(where) && at(where).earliest <= now) {
    slot& first = at(where);
    if (first.count <= batch) {
      drop_if(where, [&](timer const& each) {
        if (each.due <= now) take(each);
        return each.due <= now;
      });
    } else if (where.level != 0) {
      sort_in(where);
    } else {
      while (taken_ != batch) {  // all are due at once
        take(first.first->timers[first.in_first - 1]);
        drop(first, *first.first, first.in_first - 1);
      }
    }
  }
  std::sort(due_.begin(), due_.begin() + taken_,
            [](timer const& a, timer const& b) { return a.due < b.due; });
}

// Claims waits that are due, and links their fibers. Returns whether there may be more.
bool timer_wheel::claim_due(tick_time now, fiber_record*& ended) noexcept {
  guard const held(*this);
  take_due(now);
  fiber_record** last = &ended;
  for (unsigned i = 0; i < taken_; ++i) {
    fiber_record& fiber = *due_[i].fiber;
    if (!fiber.word.claim(due_[i].episode)) {
      ++dropped_;
      continue;
    }
    fiber.outcome = wake::timed_out;
    *last = &fiber;
    last = &fiber.queue_next;  // in no queue while it waits
  }
  *last = nullptr;
  // Somebody may have woken up for nothing: not again for the next one.
  place first{};
  if (taken_ != 0 && ended == nullptr && find_first(first) && at(first).count <= batch) {
    drop_if(first, drop_ended());
  }
  publish();
  return taken_ != 0;
}

unsigned timer_wheel::fire(tick_time now) noexcept {
  unsigned count = 0;
  bool more = now >= next_due();
  while (more) {
    fiber_record* ended = nullptr;
    more = claim_due(now, ended);
    for (fiber_record* fiber = ended; fiber != nullptr; ++count) {
      fiber_record* const next = fiber->queue_next;  // read first: the release gives the fiber away
      core* const home = fiber->home;
      if (fiber->word.release(fiber->word.episode())) home->schedule(*fiber, placement::queue);
      fiber = next;
    }
  }
  return count;
}

}  // namespace ramie::detail
