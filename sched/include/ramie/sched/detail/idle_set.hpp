// Which workers search for work and which sleep: the protocol that lets no worker sleep beside
// queued work, and wakes no more than are useful.
//
// Who adds work:   push; fence; look at the counts, then at the sleepers' bits    (pick_...)
// Who goes to sleep: count itself; set its bit; fence; look at every queue        (announce_sleep)
//
// Of the two fences one comes first, so either the sleeper finds the work or the pusher finds the
// sleeper. The pusher wakes nobody while somebody searches. That is safe because whoever takes the
// number of searchers to zero takes the duty over: a searcher that found nothing announces its
// sleep and looks at every queue after the fence; one that found work wakes the next
// (stop_searching).
//
// A waker counts itself as searching, on behalf of the sleeper it hopes for, before it clears a
// bit: so a worker whose bit is gone is counted already. If no bit was left it takes the count
// back, and then has the last searcher's duty: it looks at the bits again, after a fence.
//
// The number of sleepers is never below the number of bits: raised before a bit is set, lowered
// after it was cleared.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace ramie::detail {

template <class A, unsigned MaxWorkers = 1024>
class basic_idle_set {
 public:
  /// `workers` in [1, MaxWorkers].
  explicit basic_idle_set(unsigned workers) noexcept
      : search_limit_((workers + 1) / 2), words_((workers + bits_per_word - 1) / bits_per_word) {}
  basic_idle_set(basic_idle_set const&) = delete;
  basic_idle_set& operator=(basic_idle_set const&) = delete;

  /// A worker out of work: true if it may search, that is if fewer than half of the workers
  /// (rounded up) do. It ends its search by stop_searching or announce_sleep. False: it announces
  /// its sleep.
  bool try_start_searching() noexcept {
    std::uint32_t seen = counts_.load(std::memory_order_relaxed);
    do {
      if (searching_of(seen) >= search_limit_) return false;
    } while (!counts_.compare_exchange_weak(seen, seen + one_searching, std::memory_order_relaxed,
                                            std::memory_order_relaxed));
    return true;
  }

  /// A searching worker found work. True: it was the last searcher and must now wake the worker
  /// that pick_sleeper_to_wake returns.
  [[nodiscard]] bool stop_searching() noexcept {
    return searching_of(counts_.fetch_sub(one_searching, std::memory_order_relaxed)) == 1;
  }

  /// Worker `w` is about to sleep, and no longer searches. It must look at every queue now, and
  /// either sleep or, if it has seen work, call end_sleep.
  void announce_sleep(unsigned w, bool was_searching) noexcept {
    counts_.fetch_add(was_searching ? one_sleeping - one_searching : one_sleeping,
                      std::memory_order_relaxed);
    sleepers_[w / bits_per_word].fetch_or(bit(w), std::memory_order_relaxed);
    A::fence("I1", std::memory_order_seq_cst);
  }

  /// Worker `w` sleeps no longer, whether it was picked, woke by itself or did not fall asleep. It
  /// is counted as searching from now on, limit or not: if it was the last searcher when it
  /// announced its sleep, then others have relied on it, and the duty to wake the next one is still
  /// its own.
  void end_sleep(unsigned w) noexcept {
    if (clear(w)) counts_.fetch_add(one_searching - one_sleeping, std::memory_order_relaxed);
  }

  /// After work was pushed, or by the last searcher: the worker to wake, which is counted as
  /// searching from now on; -1 if somebody searches or nobody sleeps. Any thread.
  [[nodiscard]] int pick_sleeper_to_wake() noexcept { return pick(any, true); }

  /// Same, but whether or not somebody searches: for shut-down and for the monitor.
  [[nodiscard]] int pick_any_sleeper() noexcept { return pick(any, false); }

  /// Same, for work that worker `w` must do: it returns w if w sleeps. If w stopped sleeping just
  /// then it may return another worker, which must be woken as well, or -1.
  [[nodiscard]] int pick_worker(unsigned w) noexcept { return pick(static_cast<int>(w), false); }

  /// Approximate; any thread.
  unsigned searching() const noexcept {
    return searching_of(counts_.load(std::memory_order_relaxed));
  }
  unsigned sleeping() const noexcept {
    return sleeping_of(counts_.load(std::memory_order_relaxed));
  }
  bool sleeps(unsigned w) const noexcept { return marked(w); }

 private:
  static constexpr unsigned bits_per_word = 64;
  static constexpr std::size_t max_words = (MaxWorkers + bits_per_word - 1) / bits_per_word;
  static constexpr std::uint32_t one_searching = 1;
  static constexpr std::uint32_t one_sleeping = 1U << 16;
  static constexpr int any = -1;

  static unsigned searching_of(std::uint32_t counts) noexcept { return counts & 0xffff; }
  static unsigned sleeping_of(std::uint32_t counts) noexcept { return counts >> 16; }
  static std::uint64_t bit(unsigned w) noexcept { return 1ULL << (w % bits_per_word); }

  /// The three picks. `wanted`: a worker, or any. `only_if_none_searches` as its name says.
  int pick(int wanted, bool only_if_none_searches) noexcept {
    A::fence("I2", std::memory_order_seq_cst);
    for (;;) {
      if (wanted != any && !marked(static_cast<unsigned>(wanted))) return -1;
      if (!count_searcher(only_if_none_searches)) return -1;
      int const found = wanted == any ? clear_first() : clear_wanted(static_cast<unsigned>(wanted));
      if (found >= 0) {
        counts_.fetch_sub(one_sleeping, std::memory_order_relaxed);
        return found;
      }
      // Somebody else cleared the bit. Whoever pushed while this thread was counted has relied on
      // it: it goes on as the last searcher would.
      counts_.fetch_sub(one_searching, std::memory_order_relaxed);
      A::fence("I3", std::memory_order_seq_cst);
      if (!any_marked()) return -1;
      if (wanted != any) only_if_none_searches = true;
      wanted = any;
    }
  }

  /// Counts a searcher for a sleeper to be picked; false if there is no need or no sleeper.
  bool count_searcher(bool only_if_none_searches) noexcept {
    std::uint32_t seen = counts_.load(std::memory_order_relaxed);
    do {
      if (sleeping_of(seen) == 0 || (only_if_none_searches && searching_of(seen) != 0)) {
        return false;
      }
    } while (!counts_.compare_exchange_weak(seen, seen + one_searching, std::memory_order_relaxed,
                                            std::memory_order_relaxed));
    return true;
  }

  bool marked(unsigned w) const noexcept {
    return (sleepers_[w / bits_per_word].load(std::memory_order_relaxed) & bit(w)) != 0;
  }

  bool any_marked() const noexcept {
    for (unsigned i = 0; i < words_; ++i) {
      if (sleepers_[i].load(std::memory_order_relaxed) != 0) return true;
    }
    return false;
  }

  /// True for the one who cleared the bit of `w`.
  bool clear(unsigned w) noexcept {
    return (sleepers_[w / bits_per_word].fetch_and(~bit(w), std::memory_order_relaxed) & bit(w)) !=
           0;
  }

  int clear_wanted(unsigned w) noexcept { return clear(w) ? static_cast<int>(w) : -1; }

  int clear_first() noexcept {
    for (unsigned i = 0; i < words_; ++i) {
      std::uint64_t seen = sleepers_[i].load(std::memory_order_relaxed);
      while (seen != 0) {
        unsigned const w = i * bits_per_word + static_cast<unsigned>(std::countr_zero(seen));
        if (clear(w)) return static_cast<int>(w);
        seen = sleepers_[i].load(std::memory_order_relaxed);
      }
    }
    return -1;
  }

  unsigned const search_limit_;
  unsigned const words_;
  /// sleeping << 16 | searching, each at most MaxWorkers plus the wakers under way.
  alignas(64) typename A::template atomic<std::uint32_t> counts_{0};
  /// Bit w % 64 of word w / 64: worker w sleeps, or is about to, and nobody has picked it. Set by
  /// w; cleared by w (end_sleep) or by a waker. Partner of counts_.
  alignas(64) std::array<typename A::template atomic<std::uint64_t>, max_words> sleepers_{};
};

}  // namespace ramie::detail
