// Models of the sleep place: notices are not lost, also while the driver changes in which the
// thread sleeps, and a worker that changes hands has one owner at a time and sleeps beside no work.
#include <array>
#include <atomic>
#include <ramie/sched/detail/driver_in_use.hpp>
#include <ramie/sched/detail/idle_set.hpp>
#include <ramie/sched/detail/sleep_place.hpp>
#include <span>

#include "model.hpp"

namespace ramie::models {
namespace {

using place = detail::basic_sleep_place<relacy_atomics>;

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

/// As ramie::driver. Thread 2 makes the second one.
struct model_driver {
  relacy_atomics::atomic<bool> interrupted;
  token futex;
  plain<bool> made;

  void wait() {
    RL_ASSERT(made.get());
    futex.wait();
    interrupted.exchange(false, std::memory_order_relaxed);
  }
  void interrupt() {
    RL_ASSERT(made.get());
    if (!interrupted.exchange(true, std::memory_order_relaxed)) futex.post();
  }
};

/// Thread 0 sleeps in the driver in use, thread 1 wakes it for what nothing else makes visible, and
/// thread 2 changes the driver.
struct new_driver : rl::test_suite<new_driver, 3> {
  place where_it_is;
  model_driver first;
  model_driver second;
  relacy_atomics::atomic<bool> given;
  detail::basic_driver_in_use<relacy_atomics, model_driver> used{first};

  void before() { first.made.set(true); }

  void thread(unsigned index) {
    if (index == 1) return wake();
    if (index == 2) {
      second.made.set(true);
      return used.change_to(second);
    }
    for (;;) {
      here();
      if (given.load(std::memory_order_relaxed)) return;
      model_driver& in = used.get();
      bool const in_second = &in == &second;
      here(in_second);
      bool const sleeps = where_it_is.begin_sleep(true);
      here(2 + in_second * 2 + sleeps);
      if (sleeps) in.wait();
      here();
      where_it_is.end_sleep();
    }
  }

  void wake() {
    given.store(true, std::memory_order_relaxed);
    here();
    if (where_it_is.notify() != place::sleeper::in_driver) return;
    here();
    used.get().interrupt();
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

/// One worker, whose thread 0 sleeps, and thread 1, which comes to want it because thread 2 gives
/// it something that only it may do: a pinned fiber. Where Both holds, thread 0 is given one too.
template <bool Both>
struct wanted : rl::test_suite<wanted<Both>, 3> {
  detail::basic_idle_set<relacy_atomics, 1> idle{1};
  std::array<bed, 2> beds;
  model_lock mutex;
  relacy_atomics::atomic<unsigned> holder{0};           // under the mutex
  std::array<relacy_atomics::atomic<bool>, 2> waits;    // under the mutex: in the queue
  relacy_atomics::atomic<bool> is_wanted{false};        // a hint for the holder
  std::array<relacy_atomics::atomic<bool>, 2> pinned;   // ready to run
  relacy_atomics::atomic<unsigned> left{Both ? 2 : 1};  // pinned fibers that have not run

  void thread(unsigned index) {
    if (index == 2) {
      give_fiber(1);
      // Without one, thread 0 is woken for nothing.
      if (Both) pinned[0].store(true, std::memory_order_relaxed);
      return beds[0].notify();
    }
    if (index == 0) {
      idle.announce_sleep(0, false);
      here();
      beds[0].end_sleep(beds[0].begin_sleep());
    }
    while (await_worker(index)) work(index);
  }

  void give_fiber(unsigned to) {
    pinned.at(to).store(true, std::memory_order_relaxed);
    beds.at(to).notify();
  }

  bool has_pinned(unsigned self) const { return pinned.at(self).load(std::memory_order_relaxed); }
  bool over() const { return left.load(std::memory_order_relaxed) == 0; }

  /// False: everything is over.
  bool await_worker(unsigned self) {
    for (;;) {
      here(self);
      mutex.lock();
      if (over()) return mutex.unlock(), false;
      bool const asks = holder.load(std::memory_order_relaxed) != self && has_pinned(self) &&
                        !waits.at(self).load(std::memory_order_relaxed);
      bool const tell = asks && !take_from_sleeper(self);
      if (tell) {
        waits.at(self).store(true, std::memory_order_relaxed);
        is_wanted.store(true, std::memory_order_relaxed);
      }
      if (holder.load(std::memory_order_relaxed) == self) break;
      bool const sleeps = beds.at(self).begin_sleep();
      mutex.unlock();
      here(self * 4 + tell * 2 + sleeps);
      if (tell) beds.at(1 - self).notify();
      beds.at(self).end_sleep(sleeps);
    }
    mutex.unlock();
    here(self);
    idle.end_sleep(0);
    return true;
  }

  bool take_from_sleeper(unsigned self) {
    if (!beds.at(1 - self).where_it_is.take_worker()) return false;
    holder.store(self, std::memory_order_relaxed);
    beds.at(1 - self).notify();
    return true;
  }

  /// With the worker, awake, until another thread has it or everything is over.
  void work(unsigned self) {
    bool searching = true;
    for (bool chosen = false;; chosen = true) {
      here(self * 4 + searching * 2 + chosen);
      if (over()) return;
      if (chosen && is_wanted.load(std::memory_order_relaxed)) return give(self, searching);
      here(self * 4 + searching * 2 + chosen);
      if (has_pinned(self)) {
        run_pinned(self);
        continue;
      }
      here(self * 2 + searching);
      idle.announce_sleep(0, searching);
      here(self);
      bool const awake = has_pinned(self) || is_wanted.load(std::memory_order_relaxed) || over();
      here(self * 2 + awake);
      if (!awake && beds.at(self).end_sleep(beds.at(self).begin_sleep())) return;
      here(self);
      idle.end_sleep(0);
      searching = true;
    }
  }

  void run_pinned(unsigned self) {
    pinned.at(self).store(false, std::memory_order_relaxed);
    mutex.lock();
    bool const last = left.fetch_sub(1, std::memory_order_relaxed) == 1;
    mutex.unlock();
    here(self * 2 + last);
    if (last) beds.at(1 - self).notify();
  }

  void give(unsigned self, bool searching) {
    here(self * 2 + searching);
    mutex.lock();
    waits.at(1 - self).store(false, std::memory_order_relaxed);
    is_wanted.store(false, std::memory_order_relaxed);
    holder.store(1 - self, std::memory_order_relaxed);
    idle.announce_sleep(0, searching);
    mutex.unlock();
    here(self);
    beds.at(1 - self).notify();
  }
};

constexpr std::array models_of_place{
    make_merging_model<notices>("place_notices", "T"),
    make_merging_model<new_driver>("place_new_driver", "TU"),
    make_merging_model<hand_over>("place_hand_over", "TI"),
    make_merging_model<wanted<false>>("place_wanted", "TI"),
    make_merging_model<wanted<true>>("place_wanted_by_both", "TI"),
};

}  // namespace

std::span<model const> place_models() {
  return models_of_place;
}

}  // namespace ramie::models
