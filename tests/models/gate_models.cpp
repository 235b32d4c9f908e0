// Models of the spawn gate and the finished counts: shut-down sees no fiber alive, and all that the
// fibers did.
#include <array>
#include <cstdint>
#include <ramie/sched/detail/spawn_gate.hpp>
#include <span>

#include "model.hpp"

namespace ramie::models {
namespace {

/// Threads 1 and up are workers, each with a gate and a count of its own; what a fiber does is to
/// spawn once more, and to write `work` before it ends.
template <unsigned Workers>
struct drain : rl::test_suite<drain<Workers>, Workers + 1> {
  struct worker {
    detail::basic_spawn_gate<relacy_atomics> gate;
    detail::basic_finished_count<relacy_atomics> finished;
    plain<int> work;
  };
  std::array<worker, Workers> workers;

  void thread(unsigned index) {
    if (index == 0) return shut_down();
    worker& own = workers.at(index - 1);
    if (!own.gate.enter()) return;
    bool const child = own.gate.enter();
    own.work.set(own.work.get() + 1);
    own.finished.add_one();
    if (!child) return;
    own.work.set(own.work.get() + 1);
    own.finished.add_one();
  }

  void shut_down() {
    for (worker& each : workers) each.gate.close();
    for (unsigned round = 0; !nobody_alive(); ++round) relacy_atomics::pause(round);
    for (worker& each : workers) {
      RL_ASSERT(each.gate.closed());
      // A worker whose fiber was still alive would race with this.
      each.work.set(each.work.get() + 1);
    }
  }

  bool nobody_alive() const {
    std::uint64_t finished = 0;
    std::uint64_t entered = 0;
    for (worker const& each : workers) finished += each.finished.get();
    for (worker const& each : workers) entered += each.gate.entered();
    return finished == entered;
  }
};

constexpr std::array models_of_gate{
    make_model<drain<1>>("gate_one_worker", "G"),
    make_model<drain<2>>("gate_two_workers", "G"),
};

}  // namespace

std::span<model const> gate_models() {
  return models_of_gate;
}

}  // namespace ramie::models
