// One direction of a descriptor: who waits for it to become ready, or that it has become so.
//
// The idea of two slots per descriptor, in which "ready" sticks until somebody uses it, is that of
// Go's network poller.
//
//   empty --arm--> waiter           it parks
//   waiter --disarm--> empty        its wait timed out or was cancelled
//   empty, waiter --signal--> ready the waiter, if any, is claimed and resumed
//   ready --arm, consume--> empty   try the system call again
//   any --close--> closed           the waiter, if any, is claimed and resumed
//   closed --reset--> empty         the number belongs to a new descriptor: the next generation
//
// `signal` and `reset` of one slot are called under the poller's lock, so that a signal can't look
// at one generation and change the next.
#pragma once

#include <atomic>
#include <cstdint>

namespace ramie::detail {

enum class arm_result : std::uint8_t {
  armed,      ///< Registered: park now.
  was_ready,  ///< Not registered; the readiness is used up: try the system call again.
  closed,     ///< Not registered.
  busy        ///< Not registered: there is another waiter.
};

template <class A>
class basic_descriptor_slot {
 public:
  basic_descriptor_slot() noexcept = default;
  basic_descriptor_slot(basic_descriptor_slot const&) = delete;
  basic_descriptor_slot& operator=(basic_descriptor_slot const&) = delete;

  /// Registers `waiter`, which is visible to the signaller or closer as it is now.
  arm_result arm(void* waiter) noexcept {
    auto const word = reinterpret_cast<std::uintptr_t>(waiter);
    for (;;) {
      std::uintptr_t seen = empty;
      if (word_.compare_exchange_strong(seen, word, A::order("S1", std::memory_order_release),
                                        std::memory_order_relaxed)) {
        return arm_result::armed;
      }
      if (seen == closed) return arm_result::closed;
      if (seen != ready) return arm_result::busy;
      if (consume()) return arm_result::was_ready;
    }
  }

  /// Takes `waiter` back, for a wait that was not ended by an event. False: a signaller or closer
  /// has taken it, and may still touch it until the caller has held the poller's lock.
  bool disarm(void* waiter) noexcept {
    auto word = reinterpret_cast<std::uintptr_t>(waiter);
    return word_.compare_exchange_strong(word, empty, std::memory_order_relaxed,
                                         std::memory_order_relaxed);
  }

  /// Uses the readiness up, and makes what happened before its signal visible: by a resumed waiter,
  /// before it tries the system call. A signal that comes later sticks.
  bool consume() noexcept {
    std::uintptr_t seen = ready;
    return word_.compare_exchange_strong(seen, empty, A::order("S2", std::memory_order_acquire),
                                         std::memory_order_relaxed);
  }

  /// The descriptor of that generation became ready: returns the waiter to claim, or null. A stale
  /// generation is ignored. Readiness sticks, whether or not the claim succeeds.
  void* signal(std::uint64_t generation) noexcept {
    if (generation != generation_.load(std::memory_order_relaxed)) return nullptr;
    std::uintptr_t seen = word_.load(std::memory_order_relaxed);
    while (seen != closed) {
      if (word_.compare_exchange_weak(seen, ready, A::order("S3", std::memory_order_acq_rel),
                                      std::memory_order_relaxed)) {
        return as_waiter(seen);
      }
    }
    return nullptr;
  }

  /// Nobody can arm any more: returns the waiter to claim, or null.
  void* close() noexcept {
    return as_waiter(word_.exchange(closed, A::order("S4", std::memory_order_acquire)));
  }

  /// Opens the slot for the next descriptor of the same number, and returns its generation. Called
  /// before anybody can arm it.
  std::uint64_t reset() noexcept {
    std::uint64_t const next = generation_.load(std::memory_order_relaxed) + 1;
    generation_.store(next, std::memory_order_relaxed);
    word_.store(empty, std::memory_order_relaxed);
    return next;
  }

  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uintptr_t empty = 0;
  static constexpr std::uintptr_t ready = 1;
  static constexpr std::uintptr_t closed = 2;

  static void* as_waiter(std::uintptr_t word) noexcept {
    return word > closed ? reinterpret_cast<void*>(word) : nullptr;
  }

  /// One of the three constants, or the address of a waiter, which is aligned to at least 4.
  /// Written by the waiter on one side, by the poller and the closer on the other.
  typename A::template atomic<std::uintptr_t> word_{empty};
  /// Which descriptor of this number the slot serves: a stale event carries a lower one.
  typename A::template atomic<std::uint64_t> generation_{0};
};

}  // namespace ramie::detail
