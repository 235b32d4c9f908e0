// Models of the semaphore: what is released is acquired once, by somebody who sees what was done
// before; nobody sleeps beside it; a wait that ends takes nothing with it; and the semaphore may go
// as soon as what was released has been acquired.
#include <array>
#include <memory>
#include <span>

#include <ramie/sync/detail/semaphore_core.hpp>

#include "model.hpp"
#include "relacy_waiting.hpp"

namespace ramie::models {
namespace {

using semaphore = detail::basic_semaphore_core<relacy_waiting>;

constexpr std::ptrdiff_t most = 4;

template <std::size_t Threads>
struct counting : waiting_threads<Threads> {
  std::unique_ptr<semaphore> shared = std::make_unique<semaphore>(0);
  plain<int> done;  ///< By whoever releases, before.

  void release(std::ptrdiff_t update) {
    done.set(1);
    shared->release(update, most);
    here();
  }
  /// False: the time ran out.
  bool acquire(detail::steady_time deadline = detail::steady_time::max()) {
    if (shared->acquire(deadline) != wake::unparked) return false;
    RL_ASSERT(done.get() == 1);
    return true;
  }
  void expect_left(int expected) {
    for (int i = 0; i < expected; ++i) RL_ASSERT(shared->try_acquire());
    RL_ASSERT(!shared->try_acquire());
  }
};

struct two_acquirers : rl::test_suite<two_acquirers, 3>, counting<3> {
  void thread(unsigned index) {
    if (index == 0) return release(2);
    RL_ASSERT(acquire());
  }
  void after() { expect_left(0); }
};

/// Released one by one: the second comes when one, both or none of the acquirers wait.
struct two_releases : rl::test_suite<two_releases, 3>, counting<3> {
  void thread(unsigned index) {
    if (index > 0) {
      RL_ASSERT(acquire());
    } else {
      release(1);
      shared->release(1, most);
    }
  }
  void after() { expect_left(0); }
};

/// Two that take turns, as with a mutex: what one did in its turn is visible to the other.
struct turns : rl::test_suite<turns, 3>, counting<3> {
  plain<int> turn;

  void thread(unsigned index) {
    if (index == 0) return release(1);
    RL_ASSERT(acquire());
    turn.set(turn.get() + 1);
    shared->release(1, most);
  }
  void after() {
    RL_ASSERT(turn.get() == 2);
    expect_left(1);
  }
};

/// One acquirer's time runs out: then there is one left.
struct time_out : rl::test_suite<time_out, 3>, counting<3> {
  plain<int> left;

  void thread(unsigned index) {
    if (index == 0) return release(2);
    if (index == 1) {
      RL_ASSERT(acquire());
    } else if (!acquire(soon)) {
      left.set(1);
    }
  }
  void after() { expect_left(left.get()); }
};

/// Two acquirers' times run out, one after the other, while something is released.
struct time_outs : rl::test_suite<time_outs, 3>, counting<3> {
  std::array<plain<int>, 2> left;

  void thread(unsigned index) {
    if (index == 0) return release(2);
    if (!acquire(soon)) left.at(index - 1).set(1);
  }
  void after() { expect_left(left[0].get() + left[1].get()); }
};

/// The semaphore is destroyed by whoever acquires what was released, at the second attempt perhaps.
struct destroy : rl::test_suite<destroy, 2>, counting<2> {
  void thread(unsigned index) {
    if (index == 0) return release(1);
    if (!acquire(soon)) RL_ASSERT(acquire());
    shared.reset();
  }
};

constexpr std::array models_of_semaphore{
    make_merging_model<two_acquirers>("semaphore_two_acquirers", "C"),
    make_merging_model<two_releases>("semaphore_two_releases", "C"),
    make_merging_model<turns>("semaphore_turns", "C"),
    make_merging_model<time_out>("semaphore_time_out", "C"),
    make_merging_model<time_outs>("semaphore_time_outs", "C"),
    make_merging_model<destroy>("semaphore_destroy", "C"),
};

}  // namespace

std::span<model const> semaphore_models() {
  return models_of_semaphore;
}

}  // namespace ramie::models
