// Whoever uses the primitives of a scene: a fiber or a plain OS thread, and what it is seen to do.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/timed_out.hpp>

#include "dice.hpp"

namespace stress {

/// Ends the program, naming the round's seed, unless it holds.
void check(bool holds, char const* what) noexcept;

class actor {
 public:
  actor(std::string name, bool on_thread, ramie::runtime& home, std::uint64_t seed, unsigned steps)
      : random(seed), home_(home), name_(std::move(name)), on_thread_(on_thread), steps_(steps) {}

  std::string const& name() const noexcept { return name_; }
  bool on_thread() const noexcept { return on_thread_; }
  /// How many steps it is to make.
  unsigned steps() const noexcept { return steps_; }
  /// The runtime that it, or what it spawns, belongs to.
  ramie::runtime& home() const noexcept { return home_; }

  /// What it is about to do; a string literal.
  void begins(char const* what) noexcept { doing_.store(what, std::memory_order_relaxed); }
  /// For the watchdog, which takes steps for progress.
  void made_a_step() noexcept { made_.fetch_add(1, std::memory_order_relaxed); }
  char const* doing() const noexcept { return doing_.load(std::memory_order_relaxed); }
  std::uint64_t made() const noexcept { return made_.load(std::memory_order_relaxed); }

  /// Calls step(dice), which may wait: as it is; inside `blocking`; within a deadline; or on a
  /// fiber that is cancelled meanwhile. True: it ran to its end. What it did so far stands if it
  /// did not.
  template <class F>
  bool attempt(char const* what, F step);

  /// Calls body(i, dice) for 0 <= i < count at once, on fibers and plain threads by lot,
  /// `meanwhile` on this one, and returns when all have returned.
  template <class F, class G>
  void together(unsigned count, F body, G meanwhile);

  dice random;

 private:
  template <class F>
  bool attempt_in_time(F& step);
  template <class F>
  bool attempt_until_cancelled(F& step);

  ramie::runtime& home_;
  std::string const name_;
  bool const on_thread_;
  unsigned const steps_;
  // Written by the actor, and relaxed: the watchdog only shows and compares them.
  std::atomic<char const*> doing_{"begins"};
  std::atomic<std::uint64_t> made_{0};
};

template <class F>
bool actor::attempt(char const* what, F step) {
  begins(what);
  bool finished = true;
  switch (random.below(16)) {
    case 0:
      ramie::blocking([&] { step(random); });
      break;
    case 1:
    case 2:
    case 3:
    case 4:
      finished = attempt_in_time(step);
      break;
    case 5:
    case 6:
    case 7:
    case 8:
      finished = attempt_until_cancelled(step);
      break;
    default:
      step(random);
  }
  return finished;
}

template <class F>
bool actor::attempt_in_time(F& step) {
  try {
    ramie::deadline_scope const limit(random.soon());
    step(random);
    return true;
  } catch (ramie::timed_out const&) {
    return false;
  }
}

template <class F>
bool actor::attempt_until_cancelled(F& step) {
  auto child = home_.spawn(ramie::fiber_options{.name = name_},
                           [&step, own = dice(random.seed())]() mutable { step(own); });
  briefly(random);
  child.cancel();
  try {
    child.join();
    return true;
  } catch (ramie::cancelled const&) {
    return false;
  }
}

template <class F, class G>
void actor::together(unsigned count, F body, G meanwhile) {
  std::vector<ramie::join_handle<void>> fibers;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i) {
    auto const part = [&body, i, seed = random.seed()] {
      dice own(seed);
      body(i, own);
    };
    if (random.one_in(4)) {
      threads.emplace_back(part);
    } else {
      fibers.push_back(home_.spawn(ramie::fiber_options{.name = name_}, part));
    }
  }
  meanwhile();
  for (auto& fiber : fibers) fiber.join();
  for (auto& thread : threads) thread.join();
}

}  // namespace stress
