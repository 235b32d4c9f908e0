// The policy under which Relacy checks the protocols of sync: relacy_atomics, and a lock and a
// waiter beside it (ramie/sync/detail/wait_policy.hpp).
//
// A wait with a deadline is ended by its own thread, as the first thing that it does there, unless
// somebody has ended it before: when the time runs out is then for the scheduler to choose, and no
// thread is needed to see to it. The same goes for the waits of a thread that is cancelled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

#include <ramie/sched/detail/park_word.hpp>
#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>

#include "relacy_atomics.hpp"

namespace ramie::models {

/// Plain data that a lock guards, or whoever has won a claim; spelled as in production code. What
/// it holds is known to the search by the locks and claims.
template <class T>
class guarded {
 public:
  guarded(T value = T{}) : value_(static_cast<stored>(value)) {}
  guarded(guarded const& other) : guarded(T(other)) {}
  guarded& operator=(guarded const& other) { return *this = T(other); }
  guarded& operator=(T value) {
    life_.expect(where::current());
    value_(loop_watch::access(where::current())) = static_cast<stored>(value);
    return *this;
  }
  ~guarded() = default;

  operator T() const {
    life_.expect(where::current());
    stored const value = value_(loop_watch::access(where::current()));
    return static_cast<T>(value);
  }
  T operator->() const requires std::is_pointer_v<T> { return *this; }

 private:
  using stored = std::conditional_t<std::is_pointer_v<T>, T, std::uint64_t>;

  rl::var<stored> value_;
  life life_;
};

/// A thread, as far as it waits.
struct parker {
  detail::basic_park_word<relacy_atomics> word;
  guarded<wake> outcome;  ///< Written by the winner of the claim.
  token run;
  bool timed_out = false;  ///< The thread's own: whether a wait of its has.
  bool cancelled = false;  ///< The thread's own: its waits end as cancelled unless woken before.
  memory_state::name const handed = memory.make_object();  ///< All that the winner wrote.
};

/// Those of the suite that runs, by their numbers.
inline parker* parkers = nullptr;

template <std::size_t Threads>
struct waiting_threads : rl::nocopy<> {
  std::array<parker, Threads> threads;

  waiting_threads() { parkers = threads.data(); }
};

/// As ramie::waiter.
class model_waiter {
 public:
  model_waiter() : parker_(parkers[rl::thread_index()]), episode_(parker_.word.episode()) {}
  model_waiter(model_waiter const&) = delete;
  model_waiter& operator=(model_waiter const&) = delete;

  wake park_until(park_reason /*reason*/, detail::steady_time deadline,
                  interruptible mode = interruptible::yes) {
    life_.expect(where::current());
    if (mode == interruptible::yes && parker_.cancelled && unpark(wake::cancelled)) {
      return wake::cancelled;
    }
    if (deadline != detail::steady_time::max() && unpark(wake::timed_out)) {
      parker_.timed_out = true;
      return wake::timed_out;
    }
    if (parker_.word.commit_park(episode_)) parker_.run.wait();
    memory.change(parker_.handed);
    return parker_.outcome;
  }
  wake park(park_reason reason, interruptible mode = interruptible::yes) {
    return park_until(reason, detail::steady_time::max(), mode);
  }

  bool claim(wake outcome = wake::unparked) {
    life_.expect(where::current());
    if (!parker_.word.claim(episode_)) return false;
    parker_.outcome = outcome;
    return true;
  }
  void resume(placement /*where*/ = placement::next) {
    life_.expect(where::current());
    parker& resumed = parker_;
    memory.change(resumed.handed);
    if (resumed.word.release(episode_)) resumed.run.post();
    let_others_run();  // as they may before whatever the caller still touches
  }
  bool unpark(wake outcome = wake::unparked) {
    if (!claim(outcome)) return false;
    resume();
    return true;
  }

 private:
  parker& parker_;
  std::uint64_t const episode_;
  life life_;
};

struct relacy_waiting : relacy_atomics {
  using lock = model_lock;
  using waiter = model_waiter;
  template <class T>
  using plain = guarded<T>;

  [[noreturn]] static void throw_interruption() { std::abort(); }  // no model lets it come to that
  static void destroyed_with_waiters(waiter const& /*first*/) {
  }  // they would never end: a deadlock
};

/// The deadline of a wait that may be too late.
inline constexpr detail::steady_time soon{};

}  // namespace ramie::models
