// Models of the park word and the cancel flag.
//
// Thread 0 is the parker's: a worker that runs a fiber, and commits its park. The others end its
// waits. In each: a wait is ended once; the parker sees what the winner wrote before the release;
// and whoever schedules the parker sees its saved registers, which plain data stands for.
#include <array>
#include <cstdint>
#include <ramie/sched/detail/park_word.hpp>
#include <span>

#include "model.hpp"

namespace ramie::models {
namespace {

/// A parker, and how it is ended.
struct parker {
  detail::basic_park_word<relacy_atomics> word;
  detail::basic_cancel_flag<relacy_atomics> cancel;
  plain<int> registers;           ///< Written by the parker, read and written by who schedules it.
  std::array<plain<int>, 3> end;  ///< Who ended wait number i: written by the winner of the claim.
  token run;                      ///< The parker has been scheduled.

  void schedule() {
    registers.set(registers.get() + 1);
    run.post();
  }

  /// Ends wait `e` as `who`, if nobody has before.
  bool finish(std::uint64_t e, int who) {
    if (!word.claim(e)) return false;
    RL_ASSERT(end.at(e).get() == 0);
    end.at(e).set(who);
    if (word.release(e)) schedule();
    return true;
  }

  /// The parker's side of wait number `e`, which may be ended from the first: returns who ended it.
  int wait(std::uint64_t e) {
    registers.set(registers.get() + 1);
    if (!word.released(e) && word.commit_park(e)) run.wait();
    RL_ASSERT(word.episode() > e);
    registers.set(registers.get() + 1);
    int const who = end.at(e).get();
    RL_ASSERT(who != 0);
    return who;
  }

  /// The same, for a wait that can be cancelled.
  int cancellable_wait(std::uint64_t e) {
    registers.set(registers.get() + 1);
    if (word.commit_park(e)) {
      if (cancel.requested_after_commit()) finish(e, 'c');
      run.wait();
    }
    registers.set(registers.get() + 1);
    return end.at(e).get();
  }

  /// The canceller's side.
  bool request_cancel() {
    cancel.request();
    std::uint64_t e = 0;
    return word.parked(e) && finish(e, 'c');
  }
};

/// Two waits in a row; each of two threads tries to end both, so that the slower one's claims are
/// stale.
struct claims_of_two_waits : rl::test_suite<claims_of_two_waits, 3> {
  parker fiber;
  std::array<plain<int>, 3> wins;

  void thread(unsigned index) {
    if (index == 0) {
      fiber.wait(0);
      fiber.wait(1);
      return;
    }
    int won = 0;
    for (std::uint64_t e = 0; e < 2; ++e) won += fiber.finish(e, 1) ? 1 : 0;
    wins.at(index).set(won);
  }

  void after() { RL_ASSERT(wins[1].get() + wins[2].get() == 2); }
};

/// A plain thread waits in its own way: it looks at the word until it is released.
struct spinning_thread : rl::test_suite<spinning_thread, 3> {
  parker owner;

  void thread(unsigned index) {
    if (index != 0) {
      if (owner.word.claim(0)) {
        owner.end[0].set(1);
        if (owner.word.release(0)) RL_ASSERT(owner.registers.get() == 1);
      }
      return;
    }
    owner.registers.set(1);
    if (owner.word.commit_park(0)) {
      for (unsigned round = 0; !owner.word.released(0); ++round) relacy_atomics::pause(round);
    }
    RL_ASSERT(owner.end[0].get() == 1);
  }
};

/// Nobody ends the wait but the canceller: a request that is lost is a deadlock.
struct cancel_of_wait : rl::test_suite<cancel_of_wait, 2> {
  parker fiber;

  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(fiber.cancellable_wait(0) == 'c');
    } else {
      fiber.request_cancel();
    }
  }
};

/// A wake-up, a time-out and a cancellation race for one wait, while the wait goes on to the next.
struct wake_timer_cancel : rl::test_suite<wake_timer_cancel, 4> {
  parker fiber;
  std::array<plain<int>, 4> wins;

  void thread(unsigned index) {
    if (index == 0) {
      int const who = fiber.cancellable_wait(0);
      RL_ASSERT(who == 'w' || who == 't' || who == 'c');
    } else if (index == 1) {
      wins[1].set(fiber.finish(0, 'w') ? 1 : 0);
    } else if (index == 2) {
      wins[2].set(fiber.finish(0, 't') ? 1 : 0);
    } else {
      wins[3].set(fiber.request_cancel() ? 1 : 0);
    }
  }

  void after() { RL_ASSERT(wins[1].get() + wins[2].get() + wins[3].get() <= 1); }
};

constexpr std::array models_of_park{
    make_model<claims_of_two_waits>("park_two_waits", "P"),
    make_model<spinning_thread>("park_thread", "P"),
    make_model<cancel_of_wait>("park_cancel", "P"),
    make_model<wake_timer_cancel>("park_wake_timer_cancel", "P"),
};

}  // namespace

std::span<model const> park_models() {
  return models_of_park;
}

}  // namespace ramie::models
