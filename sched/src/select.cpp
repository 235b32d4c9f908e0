// One select at work. The protocol: sched/DESIGN.md#select.
#include <ramie/sched/select.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <system_error>
#include <utility>

#include "identity.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

namespace {

/// Of plain threads, each of which has its own row of numbers.
[[gnu::noinline]] std::uint64_t thread_random() noexcept {
  static constinit std::atomic<std::uint64_t> threads{0};
  static constexpr std::uint64_t gamma = 0x9E3779B97F4A7C15;
  // relaxed: nothing but that it differs is asked of it.
  thread_local std::uint64_t state = threads.fetch_add(1, std::memory_order_relaxed) << 32;
  return state += gamma;
}

/// Numbers to pick with: splitmix64, begun from the worker's generator, which the runtime's seed
/// determines.
class picker {
 public:
  picker() noexcept {
    worker_thread* const here = current_worker_thread();
    state_ = here != nullptr ? here->works_on().random() : thread_random();
  }

  /// Evenly from 0 to n - 1.
  std::size_t below(std::size_t n) noexcept {
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    // The upper half of the mixed number scaled down: off by less than n / 2^32.
    return static_cast<std::size_t>((mixed >> 32) * n >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace

class selection final : public held_locks {
 public:
  selection(std::span<select_place> places, std::span<tiny_lock*> locks) noexcept;

  std::size_t run(bool may_wait);

  void keep_only(tiny_lock const& mine) noexcept override;

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  bool is_free(select_place const& place) const noexcept {
    return place.given != nullptr && place.given->lock_ == nullptr;
  }
  bool is_guarded(select_place const& place) const noexcept {
    return place.given != nullptr && place.given->lock_ != nullptr;
  }

  void lock_all() noexcept;
  void unlock_all() noexcept;
  void look_at_free();
  void shuffle() noexcept;
  std::size_t try_commit();
  std::size_t wait();
  bool publish_free(waiter& self) noexcept;
  bool publish_guarded(waiter& self);
  bool is_shared(std::size_t index) const noexcept;
  std::size_t withdraw() noexcept;

  std::span<select_place> places_;
  std::span<tiny_lock*> locks_;  // each once, by address
  bool has_sources_ = false;     // of free cases
  steady_time due_ = steady_time::max();
  picker random_;
};

selection::selection(std::span<select_place> places, std::span<tiny_lock*> locks) noexcept
    : places_(places), locks_(locks) {
  std::size_t count = 0;
  for (select_place const& place : places_) {
    if (place.given == nullptr) continue;
    due_ = std::min(due_, place.given->due_);
    if (is_guarded(place)) locks_[count++] = place.given->lock_;
  }
  // One order for all selects: those that share locks can't block each other.
  auto const first = locks_.begin();
  auto const last = first + static_cast<std::ptrdiff_t>(count);
  std::sort(first, last, std::less<>());
  locks_ = {first, std::unique(first, last)};
}

void selection::lock_all() noexcept {
  for (tiny_lock* const lock : locks_) lock->lock();
}

void selection::unlock_all() noexcept {
  for (tiny_lock* const lock : locks_) lock->unlock();
}

void selection::keep_only(tiny_lock const& mine) noexcept {
  for (tiny_lock* const lock : locks_) {
    if (lock != &mine) lock->unlock();
  }
}

std::size_t selection::run(bool may_wait) {
  for (;;) {
    look_at_free();
    shuffle();
    lock_all();
    std::size_t done = try_commit();
    if (done != none) return done;
    if (!may_wait) {
      unlock_all();
      return places_.size();
    }
    done = wait();
    if (done != none) return done;
  }
}

void selection::look_at_free() {
  for (select_place const& place : places_) {
    if (!is_free(place)) continue;
    place.given->was_ready_ = place.given->ready();
    has_sources_ = has_sources_ || place.given->source_ != 0;
  }
}

void selection::shuffle() noexcept {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    std::size_t const j = random_.below(i + 1);
    places_[i].turn = places_[j].turn;
    places_[j].turn = i;
  }
}

/// Called with all locks held; so they are afterwards, if it returns none.
std::size_t selection::try_commit() {
  for (select_place const& place : places_) {
    select_place const& next = places_[place.turn];
    if (is_guarded(next) && next.given->try_commit(*this)) return place.turn;
    if (is_free(next) && next.given->was_ready_) {
      unlock_all();
      return place.turn;
    }
  }
  return none;
}

/// Called with all locks held, nothing being ready; releases them and parks. None: look again.
std::size_t selection::wait() {
  waiter self;
  bool may_park = true;
  if (has_sources_) {
    // From the first of them on somebody may claim the waiter: so nothing can be committed from
    // here any more, and what has become ready meanwhile is a reason to begin anew.
    unlock_all();
    may_park = publish_free(self);
    lock_all();
  }
  may_park = may_park && publish_guarded(self);
  unlock_all();
  if (!may_park) self.unpark();
  wake const how = self.park_until({"select", this}, due_);
  std::size_t const done = withdraw();
  if (how == wake::cancelled) throw_interruption();
  return done;
}

/// Whether a case before this one has published what it would.
bool selection::is_shared(std::size_t index) const noexcept {
  return std::ranges::any_of(places_.first(index), [&](select_place const& other) {
    return is_free(other) && other.given->source_ == places_[index].given->source_;
  });
}

/// False: one of them may have become ready.
bool selection::publish_free(waiter& self) noexcept {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (!is_free(places_[i]) || places_[i].given->source_ == 0 || is_shared(i)) continue;
    places_[i].given->published_ = true;
    if (!places_[i].given->publish(self)) return false;
  }
  return true;
}

/// False: one of them has become ready, and none is published.
bool selection::publish_guarded(waiter& self) {
  if (has_sources_) {
    for (select_place const& place : places_) {
      if (is_guarded(place) && place.given->ready()) return false;
    }
  }
  for (select_place const& place : places_) {
    if (!is_guarded(place)) continue;
    place.given->published_ = true;
    place.given->publish(self);
  }
  return true;
}

/// The place of the case that a waker has committed.
std::size_t selection::withdraw() noexcept {
  std::size_t committed = none;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].given == nullptr || !std::exchange(places_[i].given->published_, false))
      continue;
    if (places_[i].given->withdraw()) committed = i;
  }
  return committed;
}

// --- the end of a fiber

bool join_waiter::has_ended(fiber_record* fiber) {
  if (fiber == nullptr) throw std::future_error(std::future_errc::no_state);
  if (fiber == current_record()) {
    throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                            "ramie: a fiber that joins itself");
  }
  fiber_ = fiber;
  source_ = reinterpret_cast<std::uintptr_t>(fiber);
  return fiber->join.done();
}

bool join_waiter::publish(waiter& self) noexcept {
  self_ = &self;
  return fiber_->join.await(&self);
}

bool join_waiter::withdraw() noexcept {
  // Whether it has ended is looked at again.
  static_cast<void>(fiber_->join.withdraw(self_));
  return false;
}

std::size_t select_among(std::span<select_place> places, std::span<tiny_lock*> locks,
                         bool may_wait) {
  return selection(places, locks).run(may_wait);
}

}  // namespace ramie::detail
