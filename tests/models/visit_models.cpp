// Models of the visits from outside: who hands a fiber in may use the runtime up to the end of the
// visit, though the fiber may have ended by then, as the last one; and the runtime's end waits for
// that, and for nothing else.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <ramie/sched/detail/park_word.hpp>
#include <ramie/sched/detail/spawn_gate.hpp>
#include <ramie/sched/detail/visit_count.hpp>

#include "model.hpp"
#include "model_queue.hpp"

namespace ramie::models {
namespace {

using visit_count = detail::basic_visit_count<relacy_atomics>;

struct fiber {
  detail::basic_park_word<relacy_atomics> word;
};

/// What the end of a runtime frees.
template <std::size_t Threads>
struct inside {
  visit_count visits;
  detail::basic_finished_count<relacy_atomics> finished;
  model_queue<fiber, 2> mail;
  token asleep;  ///< The worker sleeps on it.
  relacy_atomics::atomic<bool> workers_end{false};
  std::array<plain<int>, Threads> used;  ///< By each thread, after the hand-over.
};

/// Thread 0 ends the runtime, thread 1 is its worker, and the others come from outside.
template <std::size_t Threads>
struct ending : rl::nocopy<> {
  std::unique_ptr<inside<Threads>> core = std::make_unique<inside<Threads>>();
  detail::basic_spawn_gate<relacy_atomics> gate;
  token joined;

  /// As core::hand_in.
  void hand_in(fiber& ready) {
    visit_count::visit const staying(core->visits);
    core->mail.push(&ready);
    core->used.at(rl::thread_index()).set(1);
    core->asleep.post();
  }

  /// Runs each fiber that comes to its end.
  void work() {
    for (;;) {
      here();
      fiber* next = nullptr;
      if (core->mail.pop({&next, 1}) == 1) {
        core->finished.add_one();
        continue;
      }
      here();
      if (core->workers_end.load(std::memory_order_seq_cst)) break;
      core->asleep.wait();
    }
    joined.post();
  }

  bool no_fiber_left() const {
    std::uint64_t const ended = core->finished.get();
    return gate.entered() == ended;
  }

  /// As core::drain, after all fibers have been cancelled, and core::end_threads.
  void end() {
    for (unsigned round = 0; !no_fiber_left(); ++round) relacy_atomics::pause(round);
    here();
    core->visits.await_none();
    here();
    core->workers_end.store(true, std::memory_order_seq_cst);
    core->asleep.post();
    joined.wait();
    free();
  }
  void free() {
    for (auto& each : core->used) each.set(0);
    core.reset();
  }
};

/// A fiber that parks: it is woken from outside, or cancelled by the end, whichever comes first.
struct wake_or_cancel : rl::test_suite<wake_or_cancel, 3>, ending<3> {
  fiber parks;

  void thread(unsigned index) {
    if (index == 1) {
      if (!parks.word.commit_park(0)) core->finished.add_one();  // it went on, and ended
      return work();
    }
    if (index == 2) return wake();
    gate.enter();
    gate.close();
    wake();
    here();
    end();
  }

  void wake() {
    bool const woken = parks.word.claim(0) && parks.word.release(0);
    if (woken) hand_in(parks);
  }
};

/// Two that are woken by one thread each. Thread 0 is the worker too.
struct two_wakes : rl::test_suite<two_wakes, 3>, ending<3> {
  std::array<fiber, 2> parked;

  void thread(unsigned index) {
    if (index > 0) return hand_in(parked.at(index - 1));
    for (unsigned i = 0; i < 2; ++i) {
      here(i);
      for (fiber* next = nullptr; core->mail.pop({&next, 1}) == 0;) core->asleep.wait();
    }
    here();
    core->visits.await_none();
    free();
  }
};

/// A spawn from outside, which may be refused.
struct spawn : rl::test_suite<spawn, 3>, ending<3> {
  fiber spawned;

  void thread(unsigned index) {
    if (index == 1) return work();
    if (index == 2) {
      if (gate.enter()) hand_in(spawned);
      return;
    }
    gate.close();
    end();
  }
};

constexpr std::array models_of_visit{
    make_merging_model<wake_or_cancel>("visit_wake", "VGP"),
    make_merging_model<two_wakes>("visit_two_wakes", "V"),
    make_merging_model<spawn>("visit_spawn", "VG"),
};

}  // namespace

std::span<model const> visit_models() {
  return models_of_visit;
}

}  // namespace ramie::models
