// The word that decides how one wait ends: of a fiber, or of a plain OS thread.
//
// The word is episode << 2 | state. Wait number e goes from {e, running} to {e + 1, running}:
//
//   {e, running} --commit_park--> {e, parked}          the owner has safely switched away
//        |                             |
//      claim                         claim             one claimer of wait e succeeds, ever
//        v                             v
//   {e, claimed} --commit_park--> {e, claimed_parked}
//        |                             |
//     release                       release            by the winner: ends the wait
//        v                             v
//   {e + 1, running}             {e + 1, running}
//
// {e, running} means both that the owner runs and that it may be claimed for wait e, so beginning a
// wait costs nothing. The word lives in type-stable memory: a late claimer of a stale episode may
// look at it at any time, and fails.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace ramie::detail {

template <class A>
class basic_park_word {
 public:
  basic_park_word() noexcept = default;
  basic_park_word(basic_park_word const&) = delete;
  basic_park_word& operator=(basic_park_word const&) = delete;

  /// The number of the owner's present or next wait. Owner only.
  std::uint64_t episode() const noexcept {
    return word_.load(std::memory_order_relaxed) >> state_bits;
  }

  /// Whether wait `e` has ended, so that the owner need not switch away. What the winner wrote
  /// before its release is visible then. Owner only.
  bool released(std::uint64_t e) const noexcept {
    return (word_.load(A::order("P1", std::memory_order_acquire)) >> state_bits) > e;
  }

  /// Whether wait `e` has ended, or somebody has claimed it. Any thread; nothing else is visible by
  /// it.
  bool has_ended(std::uint64_t e) const noexcept {
    std::uint64_t const seen = word_.load(std::memory_order_relaxed);
    return seen != pack(e, is_running) && seen != pack(e, is_parked);
  }

  /// On the owner's behalf, once it is safely switched away: what was written before it is visible
  /// to whoever schedules the owner next. True: the owner stays parked, and the winner of the claim
  /// schedules it (it may do so before this returns). False: wait `e` has ended already, and the
  /// caller schedules the owner itself.
  bool commit_park(std::uint64_t e) noexcept {
    std::uint64_t seen = pack(e, is_running);
    if (word_.compare_exchange_strong(seen, pack(e, is_parked),
                                      A::order("P2", std::memory_order_seq_cst),
                                      std::memory_order_relaxed)) {
      return true;
    }
    if (seen == pack(e, is_claimed) &&
        word_.compare_exchange_strong(seen, pack(e, is_claimed_parked),
                                      A::order("P3", std::memory_order_release),
                                      std::memory_order_relaxed)) {
      return true;
    }
    return !released(e);  // It has ended; what its winner wrote is to be visible to the caller.
  }

  /// Tries to be the one who ends wait `e`. Any thread. True for one caller in all, who must call
  /// `release` next; always false when wait `e` has ended.
  bool claim(std::uint64_t e) noexcept {
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (seen == pack(e, is_running) || seen == pack(e, is_parked)) {
      if (word_.compare_exchange_weak(seen, seen | is_claimed, std::memory_order_relaxed,
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  /// Ends wait `e`. By the winner of `claim`, once. True: the owner had parked, and the caller must
  /// schedule it. False: the owner is still on its way, sees the release and goes on; nothing of
  /// the owner's may be touched any more.
  bool release(std::uint64_t e) noexcept {
    std::uint64_t const next = pack(e + 1, is_running);
    if (word_.load(A::order("P4", std::memory_order_acquire)) == pack(e, is_claimed_parked)) {
      // Nobody else changes the word in this state.
      word_.store(next, A::order("P5", std::memory_order_release));
      return true;
    }
    return word_.exchange(next, A::order("P6", std::memory_order_acq_rel)) ==
           pack(e, is_claimed_parked);
  }

  /// The part of the word that an owner without a fiber sleeps on, by futex: it changes with every
  /// step of the protocol. An owner that reads the value, then finds the wait not released, may
  /// sleep while the value stays.
  std::uint32_t futex_value() const noexcept {
    return static_cast<std::uint32_t>(word_.load(std::memory_order_relaxed));
  }
  void const* futex_address() const noexcept {
    constexpr std::size_t low_half = std::endian::native == std::endian::little ? 0 : 4;
    return reinterpret_cast<std::byte const*>(&word_) + low_half;
  }

  /// Whether the owner is parked and unclaimed, and in which wait. Any thread. In one order with
  /// commit_park and with both sides of basic_cancel_flag.
  bool parked(std::uint64_t& e) const noexcept {
    std::uint64_t const seen = word_.load(A::order("P7", std::memory_order_seq_cst));
    e = seen >> state_bits;
    return (seen & state_mask) == is_parked;
  }

 private:
  static constexpr unsigned state_bits = 2;
  static constexpr std::uint64_t is_running = 0;
  static constexpr std::uint64_t is_parked = 1;
  static constexpr std::uint64_t is_claimed = 2;  // a bit: claiming adds it to either of the above
  static constexpr std::uint64_t is_claimed_parked = is_parked | is_claimed;
  static constexpr std::uint64_t state_mask = 3;

  static constexpr std::uint64_t pack(std::uint64_t e, std::uint64_t state) noexcept {
    return e << state_bits | state;
  }

  /// Its legal values are drawn above. Written by the owner (or on its behalf) and by claimers.
  typename A::template atomic<std::uint64_t> word_{0};
};

/// The request to cancel, beside a park word. Whoever cancels calls `request` and then looks at the
/// word; whoever has committed the park then calls `requested_after_commit`. The four operations
/// have one order, so that at least one of the two sees the other, and tries to claim the wait;
/// claim lets one of them succeed.
template <class A>
class basic_cancel_flag {
 public:
  basic_cancel_flag() noexcept = default;
  basic_cancel_flag(basic_cancel_flag const&) = delete;
  basic_cancel_flag& operator=(basic_cancel_flag const&) = delete;

  /// Any thread. To be followed by a look at the park word.
  void request() noexcept { requested_.store(true, A::order("P8", std::memory_order_seq_cst)); }

  /// A look outside any wait. Any thread.
  bool requested() const noexcept { return requested_.load(std::memory_order_relaxed); }

  /// The committer's look, after commit_park has returned true.
  bool requested_after_commit() const noexcept {
    return requested_.load(A::order("P9", std::memory_order_seq_cst));
  }

  /// Makes the record ready for its next fiber. Its owner, when nobody can request.
  void reset() noexcept { requested_.store(false, std::memory_order_relaxed); }

 private:
  /// False until the first request. Its partner is the park word.
  typename A::template atomic<bool> requested_{false};
};

}  // namespace ramie::detail
