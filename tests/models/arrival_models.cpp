// Models of latch, wait group and barrier: whoever passes sees what was done before every arrival;
// nobody waits for what has come; and each may go as soon as the last wait has returned.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include <ramie/sync/detail/barrier_core.hpp>
#include <ramie/sync/detail/latch_core.hpp>
#include <ramie/sync/detail/wait_group_core.hpp>

#include "model.hpp"
#include "relacy_waiting.hpp"

namespace ramie::models {
namespace {

using latch = detail::basic_latch_core<relacy_waiting>;
using wait_group = detail::basic_wait_group_core<relacy_waiting>;
using barrier = detail::basic_barrier_core<relacy_waiting>;

/// Two arrive, and a third, who waits, destroys the latch.
struct latch_destroy : rl::test_suite<latch_destroy, 3>, waiting_threads<3> {
  std::unique_ptr<latch> shared = std::make_unique<latch>(2);
  std::array<plain<int>, 2> done;

  void thread(unsigned index) {
    if (index < 2) {
      done.at(index).set(1);
      shared->count_down(1);
      return;
    }
    RL_ASSERT(shared->wait(interruptible::no) == wake::unparked);
    RL_ASSERT(done[0].get() + done[1].get() == 2);
    shared.reset();
  }
};

/// A wait that is cancelled leaves the latch as one that is waited for; who has waited destroys it
/// nevertheless as soon as it is open.
struct latch_cancelled : rl::test_suite<latch_cancelled, 2>, waiting_threads<2> {
  std::unique_ptr<latch> shared = std::make_unique<latch>(1);
  plain<int> done;

  void thread(unsigned index) {
    if (index == 0) {
      done.set(1);
      shared->count_down(1);
      return;
    }
    parkers[index].cancelled = true;
    wake const how = shared->wait(interruptible::yes);
    if (how == wake::cancelled && !shared->pass()) return;
    RL_ASSERT(done.get() == 1);
    shared.reset();
  }
};

/// Two arrive, and one of them asks whether both have, while a third waits.
struct latch_try_wait : rl::test_suite<latch_try_wait, 3>, waiting_threads<3> {
  latch shared{2};
  std::array<plain<int>, 3> done;

  void thread(unsigned index) {
    if (index < 2) {
      done.at(index).set(1);
      shared.count_down(1);
    } else {
      RL_ASSERT(shared.wait(interruptible::no) == wake::unparked);
      expect_all();
    }
    if (index == 0 && shared.pass()) expect_all();
  }
  void expect_all() { RL_ASSERT(done[0].get() + done[1].get() == 2); }
};

/// Those who meet at a latch.
struct latch_meet : rl::test_suite<latch_meet, 3>, waiting_threads<3> {
  latch shared{3};
  std::array<plain<int>, 3> done;

  void thread(unsigned index) {
    done.at(index).set(1);
    shared.count_down(1);
    here();
    RL_ASSERT(shared.wait(interruptible::no) == wake::unparked);
    RL_ASSERT(done[0].get() + done[1].get() + done[2].get() == 3);
  }
};

struct group_destroy : rl::test_suite<group_destroy, 3>, waiting_threads<3> {
  std::unique_ptr<wait_group> shared = std::make_unique<wait_group>(2);
  std::array<plain<int>, 2> done;

  void thread(unsigned index) {
    if (index < 2) {
      done.at(index).set(1);
      shared->add(-1);
      return;
    }
    RL_ASSERT(shared->wait() == wake::unparked);
    RL_ASSERT(done[0].get() + done[1].get() == 2);
    shared.reset();
  }
};

/// One adds another task while the other ends what may be the last.
struct group_grows : rl::test_suite<group_grows, 3>, waiting_threads<3> {
  wait_group shared{2};
  std::array<plain<int>, 2> done;

  void thread(unsigned index) {
    if (index == 2) {
      RL_ASSERT(shared.wait() == wake::unparked);
      RL_ASSERT(done[0].get() + done[1].get() == 2);
      return;
    }
    if (index == 0) {
      shared.add(1);
      here();
      shared.add(-1);
      here();
    }
    done.at(index).set(1);
    shared.add(-1);
  }
};

/// As barrier does it: `completed` counts the phases, without synchronisation.
template <std::size_t Threads>
struct meeting : waiting_threads<Threads> {
  std::unique_ptr<barrier> shared = std::make_unique<barrier>(Threads);
  plain<int> completed;

  barrier::arrival arrive(std::ptrdiff_t n = 1) {
    auto const arrived = shared->arrive(n);
    if (arrived.last) {
      completed.set(completed.get() + 1);
      shared->complete();
    }
    return arrived;
  }
};

/// Two phases; one thread leaves after the first.
struct barrier_phases : rl::test_suite<barrier_phases, 3>, meeting<3> {
  void thread(unsigned index) {
    if (index == 2) shared->drop();
    std::uint64_t const first = arrive().phase;
    if (index == 2) return;
    RL_ASSERT(shared->wait(first, interruptible::no) == wake::unparked);
    RL_ASSERT(completed.get() == 1);
    here();
    std::uint64_t const second = arrive().phase;
    RL_ASSERT(shared->wait(second, interruptible::no) == wake::unparked);
    RL_ASSERT(completed.get() == 2);
  }
};

/// The last wait has returned: the barrier goes.
struct barrier_destroy : rl::test_suite<barrier_destroy, 2>, meeting<2> {
  void thread(unsigned index) {
    std::uint64_t const phase = arrive().phase;
    if (index == 1) return;
    RL_ASSERT(shared->wait(phase, interruptible::no) == wake::unparked);
    RL_ASSERT(completed.get() == 1);
    shared.reset();
  }
};

/// One arrives for both in the second phase, of which nothing but the barrier makes the first one's
/// completion visible.
struct barrier_no_wait : rl::test_suite<barrier_no_wait, 2>, meeting<2> {
  relacy_atomics::atomic<bool> second{false};

  void thread(unsigned index) {
    if (arrive().last) second.store(true, std::memory_order_relaxed);
    if (index == 0 && second.load(std::memory_order_relaxed)) arrive(2);
  }
};

constexpr std::array models_of_arrival{
    make_merging_model<latch_destroy>("latch_destroy", "L"),
    make_merging_model<latch_cancelled>("latch_cancelled", "L"),
    make_merging_model<latch_try_wait>("latch_try_wait", "L"),
    make_merging_model<latch_meet>("latch_meet", "L"),
    make_merging_model<group_destroy>("wait_group_destroy", "W"),
    make_merging_model<group_grows>("wait_group_grows", "W"),
    make_merging_model<barrier_phases>("barrier_phases", "B"),
    make_merging_model<barrier_destroy>("barrier_destroy", "B"),
    make_merging_model<barrier_no_wait>("barrier_no_wait", "B"),
};

}  // namespace

std::span<model const> arrival_models() {
  return models_of_arrival;
}

}  // namespace ramie::models
