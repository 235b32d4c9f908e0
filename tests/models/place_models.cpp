// Models of the sleep place: notices are not lost, and a worker that changes hands has one owner at
// a time and sleeps beside no work.
#include <array>
#include <ramie/sched/detail/idle_set.hpp>
#include <ramie/sched/detail/sleep_place.hpp>

#include "model.hpp"

namespace ramie::models {
namespace {

using place = detail::basic_sleep_place<relacy_atomics>;

/// A thread of a model is here, and what it does next depends on `local` alone.
void here(unsigned local = 0, where at = where::current()) {
  memory.reached(mixed(at.line, local));
}

/// Where a thread sleeps. The token stands for the futex: it is posted once for each notice that
/// finds the thread asleep, and so is waited for once for each sleep.
struct bed {
  place where_it_is;
  token futex;

  void notify() {
    here();
    if (where_it_is.notify() != place::sleeper::none) futex.post();
    here();
  }
  /// False: the thread was notified before.
  bool begin_sleep() {
    here();
    return where_it_is.begin_sleep(false);
  }
  bool end_sleep(bool slept) {
    if (slept) futex.wait();
    here(slept);
    return where_it_is.end_sleep();
  }
};

/// Two threads give a third something to do, which nothing but the notice makes visible.
struct notices : rl::test_suite<notices, 3> {
  bed sleeper;
  std::array<relacy_atomics::atomic<bool>, 2> given;

  bool taken(unsigned i) { return given.at(i).exchange(false, std::memory_order_relaxed); }
  bool seen(unsigned i) { return given.at(i).load(std::memory_order_relaxed); }

  void thread(unsigned index) {
    if (index > 0) {
      given.at(index - 1).store(true, std::memory_order_relaxed);
      return sleeper.notify();
    }
    for (unsigned left = 2; left > 0;) {
      for (unsigned i = 0; i < 2; ++i) {
        here(left * 2 + i);
        if (seen(i) && taken(i)) --left;
      }
      here(left);
      if (left > 0) sleeper.end_sleep(sleeper.begin_sleep());
    }
  }
};

/// One worker, that thread 0 hands over to thread 1 and takes back if it can, as thread_roster
/// does; thread 2 pushes an item for it. Whoever has the worker, and is awake, owns `queues`.
struct hand_over : rl::test_suite<hand_over, 3> {
  detail::basic_idle_set<relacy_atomics, 1> idle{1};
  std::array<bed, 2> beds;
  model_lock mutex;
  relacy_atomics::atomic<unsigned> holder{0};
  relacy_atomics::atomic<bool> awaits{false};  // under the mutex: thread 1 sleeps in await_worker
  relacy_atomics::atomic<bool> item{false};
  relacy_atomics::atomic<bool> over{false};
  plain<int> queues;

  void thread(unsigned index) {
    if (index == 0) return block();
    if (index == 1) return stand_by();
    item.store(true, std::memory_order_relaxed);
    if (idle.pick_sleeper_to_wake() < 0) return;
    here();
    beds.at(holder.load(std::memory_order_acquire)).notify();
  }

  bool visible() const { return item.load(std::memory_order_relaxed); }

  void block() {
    queues.set(queues.get() + 1);
    mutex.lock();
    holder.store(1, std::memory_order_release);
    idle.announce_sleep(0, false);
    mutex.unlock();
    here();
    bool const needed = visible();
    here(needed);
    if (needed) beds[1].notify();
    here();
    if (!take_back()) return;  // it has been used: the other one runs the item
    idle.end_sleep(0);
    here();
    work(0);
  }

  bool take_back() {
    mutex.lock();
    bool const taken = beds[1].where_it_is.take_worker();
    if (taken) holder.store(0, std::memory_order_release);
    if (taken && !awaits.load(std::memory_order_relaxed)) beds[1].notify();
    mutex.unlock();
    here(taken);
    return taken;
  }

  void stand_by() {
    for (;;) {
      here();
      mutex.lock();
      bool const ends = over.load(std::memory_order_relaxed);
      bool const has_worker = holder.load(std::memory_order_relaxed) == 1;
      awaits.store(!ends && !has_worker, std::memory_order_relaxed);
      bool const sleeps = !ends && !has_worker && beds[1].begin_sleep();
      mutex.unlock();
      here(ends * 4 + has_worker * 2 + sleeps);
      if (ends) return;
      if (!has_worker) {
        beds[1].end_sleep(sleeps);
        continue;
      }
      idle.end_sleep(0);
      here();
      if (work(1)) return;
    }
  }

  /// On the worker, which is awake. False: it has been taken away.
  bool work(unsigned self) {
    for (;;) {
      here(self);
      queues.set(queues.get() + 1);
      if (item.exchange(false, std::memory_order_relaxed)) break;
      here(self);
      idle.announce_sleep(0, true);
      here(self);
      bool const awake = visible();
      here(self * 2 + awake);
      queues.set(queues.get() + 1);  // up to its last step before it sleeps
      if (!awake && beds.at(self).end_sleep(beds.at(self).begin_sleep())) return false;
      here(self);
      idle.end_sleep(0);
    }
    here(self);
    if (idle.stop_searching()) RL_ASSERT(idle.pick_sleeper_to_wake() < 0);
    here(self);
    if (self == 1) return true;
    mutex.lock();
    over.store(true, std::memory_order_relaxed);
    mutex.unlock();
    beds[1].notify();
    return true;
  }
};

constexpr std::array models_of_place{
    make_merging_model<notices>("place_notices", "T"),
    make_merging_model<hand_over>("place_hand_over", "TI"),
};

}  // namespace

std::span<model const> place_models() {
  return models_of_place;
}

}  // namespace ramie::models
