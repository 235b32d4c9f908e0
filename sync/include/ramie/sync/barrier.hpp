// A point where a number of fibers and threads meet, again and again. The protocol:
// sync/DESIGN.md#barrier.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie {

namespace detail {

/// All of a barrier but its completion function.
class barrier_core {
 public:
  constexpr explicit barrier_core(std::ptrdiff_t expected) noexcept
      : state_(static_cast<std::uint64_t>(expected) << 1), expected_(expected) {}

  struct arrival {
    std::uint64_t phase;
    bool last;  // The caller must call `complete`.
  };
  arrival arrive(std::ptrdiff_t n) noexcept {
    std::uint64_t const count = static_cast<std::uint64_t>(n) << 1;
    std::uint64_t const before = state_.fetch_sub(count, std::memory_order_acq_rel);  // [B1] [B2]
    return {before & 1, before >> 1 == static_cast<std::uint64_t>(n)};
  }
  /// One less from the next phase on. Followed by the arrival that says so.
  void drop() noexcept { expected_.fetch_sub(1, std::memory_order_relaxed); }
  /// Begins the next phase and wakes everybody who waits for it.
  void complete() noexcept;
  void wait(std::uint64_t phase, interruptible mode) const;

 private:
  mutable tiny_lock lock_;
  mutable wait_queue queue_;  // guarded by lock_
  // How many arrivals the phase still needs, << 1, | the phase's parity: waits are for this phase
  // or the last. The parity changes under lock_, and waiters look at it there: so whoever completed
  // a phase is done with *this when a wait for it returns.
  // [B1] release in arrive and complete pairs with acquire [B2] in arrive: what was done before an
  // arrival is visible to the completion, and what that did to the next phase.
  std::atomic<std::uint64_t> state_;
  // How many arrivals each phase needs. relaxed: changed before [B1] publishes it, read after [B2].
  std::atomic<std::ptrdiff_t> expected_;
};

struct no_completion {
  void operator()() noexcept {}
};

}  // namespace detail

/// As std::barrier, for fibers and threads. All members but the destructor may be called by any
/// fiber or thread. It may be destroyed as soon as a wait for its last phase has returned, if no
/// other call is left. The completion function is called by the last to arrive, on its fiber or
/// thread, with no lock held: it may wait.
template <class CompletionFunction = detail::no_completion>
class barrier {
  static_assert(std::is_nothrow_invocable_v<CompletionFunction&>);

 public:
  /// The phase that an arrival took part in.
  class arrival_token {
   public:
    arrival_token(arrival_token&&) noexcept = default;
    arrival_token& operator=(arrival_token&&) noexcept = default;
    ~arrival_token() = default;

   private:
    friend class barrier;
    explicit arrival_token(std::uint64_t phase) noexcept : phase_(phase) {}
    std::uint64_t phase_;
  };

  static constexpr std::ptrdiff_t max() noexcept {
    return std::numeric_limits<std::ptrdiff_t>::max();
  }

  /// Requires 0 <= expected.
  constexpr explicit barrier(std::ptrdiff_t expected,
                             CompletionFunction completion = CompletionFunction())
      : core_(expected), completion_(std::move(completion)) {}
  barrier(barrier const&) = delete;
  barrier& operator=(barrier const&) = delete;
  ~barrier() = default;

  /// Requires that the phase still needs n arrivals, and 0 < n.
  [[nodiscard]] arrival_token arrive(std::ptrdiff_t n = 1) { return arrival_token(take_part(n)); }

  /// Waits for the end of the token's phase, which is this one or the last. A cancellation point
  /// unless that has ended; the arrival stands if it throws.
  void wait(arrival_token&& arrival) const { core_.wait(arrival.phase_, interruptible::yes); }

  /// Not a cancellation point: who stayed away from the next phase would keep the others in it.
  void arrive_and_wait() { core_.wait(take_part(1), interruptible::no); }

  /// Arrives for this phase, and for no later one.
  void arrive_and_drop() {
    core_.drop();
    take_part(1);
  }

 private:
  std::uint64_t take_part(std::ptrdiff_t n) {
    auto const arrived = core_.arrive(n);
    if (arrived.last) {
      completion_();
      core_.complete();
    }
    return arrived.phase;
  }

  detail::barrier_core core_;
  [[no_unique_address]] CompletionFunction completion_;
};

}  // namespace ramie
