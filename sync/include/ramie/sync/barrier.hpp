// A point where a number of fibers and threads meet, again and again. The protocol:
// sync/DESIGN.md#barrier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/detail/barrier_core.hpp>

namespace ramie {

namespace detail {

struct no_completion {
  void operator()() noexcept {}
};

}  // namespace detail

/// As std::barrier, for fibers and threads. All members but the destructor may be called by any
/// fiber or thread. It may be destroyed as soon as a wait for its last phase has returned, if no
/// other call is left. The completion function is called by the last to arrive, on its fiber or
/// thread, with no lock held: it may wait, and is not interrupted.
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
  void wait(arrival_token&& arrival) const {
    wake const outcome = core_.wait(arrival.phase_, interruptible::yes);
    if (outcome == wake::cancelled) throw_interruption();
  }

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
      call_completion();
      core_.complete();
    }
    return arrived.phase;
  }

  void call_completion() noexcept {
    if constexpr (!std::is_same_v<CompletionFunction, detail::no_completion>) {
      cancellation_shield const uninterrupted;
      completion_();
    }
  }

  mutable detail::barrier_core core_;
  [[no_unique_address]] CompletionFunction completion_;
};

}  // namespace ramie
