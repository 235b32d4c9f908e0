// Models of the mutex: one holder at a time, who sees what the last one wrote; nobody sleeps beside
// a free mutex; a waiter is passed over as often as is allowed; a wait that ends takes no wake-up
// with it; and the mutex may go as soon as nobody holds it or waits for it.
#include <array>
#include <memory>
#include <span>

#include <ramie/sync/detail/mutex_core.hpp>

#include "model.hpp"
#include "relacy_waiting.hpp"

namespace ramie::models {
namespace {

constexpr unsigned max_passed_over = 1;
using mutex = detail::basic_mutex_core<relacy_waiting, max_passed_over>;

/// Threads, a mutex, and how often it was held.
template <std::size_t Threads>
struct locking : waiting_threads<Threads> {
  std::unique_ptr<mutex> shared = std::make_unique<mutex>();
  plain<int> turns;

  /// False: the time ran out.
  bool lock(detail::steady_time deadline = detail::steady_time::max()) {
    wake const outcome = shared->lock({"mutex", nullptr}, deadline, interruptible::yes);
    if (outcome == wake::unparked) turns.set(turns.get() + 1);
    return outcome == wake::unparked;
  }
  void lock_and_unlock(unsigned round = 0) {
    RL_ASSERT(lock());
    here(round);
    shared->unlock();
    here(round);
  }

  /// Once nobody holds it.
  void expect_turns(int expected) {
    RL_ASSERT(turns.get() == expected);
    RL_ASSERT(shared->try_lock());
    shared->unlock();
  }
};

struct three_threads : rl::test_suite<three_threads, 3>, locking<3> {
  void thread(unsigned /*index*/) { lock_and_unlock(); }
  void after() { expect_turns(3); }
};

/// One thread takes the mutex again and again, and may do so before the other one, which it has
/// woken.
struct passed_over : rl::test_suite<passed_over, 2>, locking<2> {
  void thread(unsigned index) {
    if (index == 1) {
      lock_and_unlock();
      RL_ASSERT(threads[1].word.episode() <= max_passed_over + 1);
      return;
    }
    for (unsigned i = 0; i < 4; ++i) lock_and_unlock(i);
  }
  void after() { expect_turns(5); }
};

/// Somebody only tries: between the holder and a waiter that has been woken, or beside them.
struct try_beside_waiter : rl::test_suite<try_beside_waiter, 3>, locking<3> {
  plain<int> taken;

  void thread(unsigned index) {
    if (index < 2) return lock_and_unlock();
    if (!shared->try_lock()) return;
    turns.set(turns.get() + 1);
    taken.set(1);
    shared->unlock();
  }
  void after() { expect_turns(2 + taken.get()); }
};

/// A waiter's time runs out: before it is woken, after it, or when it has been woken in vain.
struct time_out : rl::test_suite<time_out, 3>, locking<3> {
  plain<int> timed_out;

  void thread(unsigned index) {
    if (index != 1) return lock_and_unlock();
    if (lock(soon)) {
      shared->unlock();
    } else {
      timed_out.set(1);
    }
  }
  void after() { expect_turns(3 - timed_out.get()); }
};

/// The mutex is destroyed by the second to have it. That one's first attempt may have run out of
/// time, so that the first holder's unlock may have seen a waiter that is there no more.
struct destroy : rl::test_suite<destroy, 2>, locking<2> {
  token first_holds_it;

  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(lock());
      first_holds_it.post();
      return shared->unlock();
    }
    first_holds_it.wait();
    if (!lock(soon)) RL_ASSERT(lock());
    here();
    shared->unlock();
    shared.reset();
  }
};

constexpr std::array models_of_mutex{
    make_merging_model<three_threads>("mutex_three_threads", "M"),
    make_merging_model<passed_over>("mutex_passed_over", "M"),
    make_merging_model<try_beside_waiter>("mutex_try_beside_waiter", "M"),
    make_merging_model<time_out>("mutex_time_out", "M"),
    make_merging_model<destroy>("mutex_destroy", "M"),
};

}  // namespace

std::span<model const> mutex_models() {
  return models_of_mutex;
}

}  // namespace ramie::models
