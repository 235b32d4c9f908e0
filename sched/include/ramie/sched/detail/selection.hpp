// One select at work. The protocol, with its proof sketch: sched/DESIGN.md#select.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

#include <ramie/sched/detail/select_case.hpp>
#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>

namespace ramie::detail {

/// Lock: exclusive and blocking. Waiter: as ramie::waiter. Random: below(n) draws from 0 to n - 1.
template <class Lock, class Waiter, class Random>
class basic_selection final : public basic_held_locks<Lock> {
 public:
  using place = basic_select_place<Lock, Waiter>;

  /// `locks`: room for one per place.
  basic_selection(std::span<place> places, std::span<Lock*> locks) noexcept : places_(places) {
    std::size_t count = 0;
    for (place const& one : places_) {
      if (one.given == nullptr) continue;
      due_ = std::min(due_, one.given->due_);
      if (is_guarded(one)) locks[count++] = one.given->lock_;
    }
    // One order for all selects: those that share locks can't block each other.
    auto const first = locks.begin();
    auto const last = first + static_cast<std::ptrdiff_t>(count);
    std::sort(first, last, std::less<>());
    locks_ = {first, std::unique(first, last)};
  }

  /// Commits one case and tells its place: `places.size()` if none can commit and it may not wait.
  /// False: the wait was interrupted, and none is committed. Throws what the cases throw.
  bool run(bool may_wait, std::size_t& chosen) {
    chosen = places_.size();
    for (;;) {
      look_at_free();
      shuffle();
      lock_all();
      if (try_commit(chosen)) return true;
      if (!may_wait) {
        unlock_all();
        return true;
      }
      wake const how = wait(chosen);
      if (how == wake::cancelled) return false;
      if (chosen != places_.size()) return true;
    }
  }

  void keep_only(Lock const& mine) noexcept override {
    for (Lock* const lock : locks_) {
      if (lock != &mine) lock->unlock();
    }
  }

 private:
  static bool is_free(place const& one) noexcept {
    return one.given != nullptr && one.given->lock_ == nullptr;
  }
  static bool is_guarded(place const& one) noexcept {
    return one.given != nullptr && one.given->lock_ != nullptr;
  }

  void lock_all() noexcept {
    for (Lock* const lock : locks_) lock->lock();
  }
  void unlock_all() noexcept {
    for (Lock* const lock : locks_) lock->unlock();
  }

  void look_at_free() {
    for (place const& one : places_) {
      if (!is_free(one)) continue;
      one.given->was_ready_ = one.given->ready();
      has_sources_ = has_sources_ || one.given->source_ != 0;
    }
  }

  void shuffle() noexcept {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      std::size_t const j = random_.below(i + 1);
      places_[i].turn = places_[j].turn;
      places_[j].turn = i;
    }
  }

  /// Called with all locks held; so they are afterwards, if it returns false.
  bool try_commit(std::size_t& chosen) {
    for (place const& one : places_) {
      place const& next = places_[one.turn];
      bool const free_and_ready = is_free(next) && next.given->was_ready_;
      if (free_and_ready) unlock_all();
      if (free_and_ready || (is_guarded(next) && next.given->try_commit(*this))) {
        chosen = one.turn;
        return true;
      }
    }
    return false;
  }

  /// Called with all locks held, nothing being ready; releases them and parks. `chosen` is changed
  /// if a waker has committed a case.
  wake wait(std::size_t& chosen) {
    Waiter self;
    bool may_park = true;
    if (has_sources_) {
      // From the first of them on somebody may claim the waiter: so nothing can be committed from
      // here any more, and what has become ready meanwhile is a reason to begin anew.
      unlock_all();
      may_park = publish_free(self);
      lock_all();
      may_park = may_park && !any_ready();
    }
    if (may_park) publish_guarded(self);
    unlock_all();
    if (!may_park) self.unpark();
    wake const how = self.park_until({"select", this}, due_);
    withdraw(chosen);
    return how;
  }

  /// Whether a case before this one has published what it would.
  bool is_shared(std::size_t index) const noexcept {
    auto const earlier = places_.first(index);
    return std::any_of(earlier.begin(), earlier.end(), [&](place const& other) {
      return is_free(other) && other.given->source_ == places_[index].given->source_;
    });
  }

  /// False: one of them may have become ready.
  bool publish_free(Waiter& self) noexcept {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (!is_free(places_[i]) || places_[i].given->source_ == 0 || is_shared(i)) continue;
      places_[i].given->published_ = true;
      if (!places_[i].given->publish(self)) return false;
    }
    return true;
  }

  /// Whether a guarded case is. Under all locks.
  bool any_ready() {
    return std::any_of(places_.begin(), places_.end(),
                       [](place const& one) { return is_guarded(one) && one.given->ready(); });
  }

  /// Under all locks.
  void publish_guarded(Waiter& self) noexcept {
    for (place const& one : places_) {
      if (!is_guarded(one)) continue;
      one.given->published_ = true;
      one.given->publish(self);
    }
  }

  void withdraw(std::size_t& chosen) noexcept {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      auto* const given = places_[i].given;
      if (given == nullptr || !std::exchange(given->published_, false)) continue;
      if (given->withdraw()) chosen = i;
    }
  }

  std::span<place> places_;
  std::span<Lock*> locks_;  // each once, by address
  bool has_sources_ = false;
  steady_time due_ = steady_time::max();
  Random random_;
};

}  // namespace ramie::detail
