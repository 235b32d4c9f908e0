#include <ramie/sync/timed_mutex.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sync/recursive_mutex.hpp>
#include <ramie/sync/recursive_timed_mutex.hpp>

#include "../sched/any_time.hpp"
#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::test::forever;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(TimedMutexStress);

template <class Time>
bool lock_by(ramie::timed_mutex& m, Time when) {
  if constexpr (ramie::test::is_duration<Time>) {
    return m.try_lock_for(when);
  } else {
    return m.try_lock_until(when);
  }
}

TEST(TimedMutex, TakesEveryTime) {
  ramie::test::on_one_worker([] {
    ramie::test::for_times_that_have_come([](auto when) {
      ramie::timed_mutex m;
      EXPECT_TRUE(lock_by(m, when));
      EXPECT_FALSE(lock_by(m, when));
      m.unlock();
    });
    ramie::test::for_times_that_never_come([](auto when) {
      ramie::timed_mutex m;
      m.lock();
      auto waiter = spawn([&] { return lock_by(m, when); });
      settle();
      EXPECT_FALSE(waiter.done());
      m.unlock();
      EXPECT_TRUE(waiter.join());
      EXPECT_FALSE(m.try_lock());
    });
  });
}

TEST(TimedMutex, TimedWaitsTellTheirOwnTimeFromTheScopes) {
  ramie::timed_mutex m;
  m.lock();
  auto const wait = [&m] {
    EXPECT_FALSE(m.try_lock_for(soon));
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(m.try_lock_for(forever), ramie::timed_out);
  };
  std::thread(wait).join();
  ramie::test::on_one_worker(wait);
  m.unlock();
  m.lock();
}

TEST(TimedMutex, ACancelledWaiterPassesNoTurnOver) {
  ramie::test::on_one_worker([] {
    ramie::timed_mutex m;
    m.lock();
    auto first = spawn([&] { return m.try_lock_for(forever); });
    settle();
    auto second = spawn([&] {
      std::unique_lock const held(m, forever);
      return held.owns_lock();
    });
    settle();
    first.cancel();
    m.unlock();
    EXPECT_TRUE(second.join());
    EXPECT_THROW(first.join(), ramie::cancelled);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

// Woken, but somebody else takes the mutex first, and then the time has run out.
TEST(TimedMutex, AWaiterWokenInVainLeavesTheTurnToTheNext) {
  ramie::test::on_one_worker([] {
    ramie::timed_mutex m;
    m.lock();
    auto first = spawn([&] { return m.try_lock_for(soon); });
    settle();
    auto second = spawn([&] { return m.try_lock_for(forever); });
    settle();
    m.unlock();
    m.lock();  // Takes it before the first waiter, which is woken in vain and waits again.
    EXPECT_FALSE(first.join());
    EXPECT_FALSE(second.done());
    m.unlock();
    EXPECT_TRUE(second.join());
  });
}

TEST(TimedMutex, LockIsNotInterrupted) {
  ramie::test::on_one_worker([] {
    ramie::timed_mutex m;
    m.lock();
    bool got_it = false;
    auto waiter = spawn([&] {
      ramie::deadline_scope const over(-soon);
      m.lock();
      got_it = true;
    });
    settle();
    waiter.cancel();
    settle();
    EXPECT_FALSE(got_it);
    m.unlock();
    settle();
    EXPECT_TRUE(got_it);
  });
}

TEST_P(TimedMutexStress, ExcludesWhileTimesRunOut) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    ramie::timed_mutex m;
    long counter = 0;
    std::atomic<long> expected{0};
    ramie::test::fibers_and_threads(8, [&](int who) {
      std::mt19937 random(seed + static_cast<unsigned>(who));
      for (int i = 0; i < 3000; ++i) {
        if (random() % 4 == 0) {
          m.lock();
        } else if (!m.try_lock_for(std::chrono::microseconds(random() % 30))) {
          continue;
        }
        long const seen = counter;
        if (random() % 8 == 0) ramie::this_fiber::yield();
        counter = seen + 1;
        m.unlock();
        expected.fetch_add(1);
      }
    });
    EXPECT_TRUE(m.try_lock());
    EXPECT_EQ(counter, expected.load());
  });
}

struct held_mutex {
  ramie::timed_mutex m;
  std::atomic<bool> held{false};
};

// The unlocker finds a waiter that is about to leave.
TEST(TimedMutexStress, TheHolderIsDoneWithItAfterAWaitThatTimedOut) {
  ramie::test::destroy_while_the_waker_leaves(
      +[] { return std::make_shared<held_mutex>(); },
      [](held_mutex& it) {
        it.m.lock();
        it.held.store(true);
        ramie::test::pause_for(50);
        it.m.unlock();
      },
      [](held_mutex& it) {
        while (!it.held.load()) std::this_thread::yield();
        for (int tries = 1; !it.m.try_lock_for(std::chrono::nanoseconds(0)); ++tries) {
          if (tries % 64 == 0) std::this_thread::yield();
        }
        it.m.unlock();
      });
}

TEST(RecursiveMutex, IsFreeAfterAsManyUnlocksAsLocks) {
  ramie::test::on_one_worker([] {
    ramie::recursive_mutex m;
    m.lock();
    m.lock();
    EXPECT_TRUE(m.try_lock());
    auto const others_try = [&m] {
      return spawn([&m] {
               bool const got = m.try_lock();
               if (got) m.unlock();
               return got;
             })
          .join();
    };
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(others_try());
      m.unlock();
    }
    EXPECT_TRUE(others_try());
  });
}

TEST(RecursiveMutex, BelongsToAFiberWhereverItRuns) {
  ramie::run({.workers = 4}, [] {
    ramie::recursive_mutex m;
    int inside = 0;
    ramie::test::fibers_and_threads(8, [&](int) {
      for (int i = 0; i < 1000; ++i) {
        std::lock_guard const outer(m);
        EXPECT_EQ(++inside, 1);
        ramie::this_fiber::yield();
        std::lock_guard const inner(m);
        EXPECT_EQ(inside--, 1);
      }
    });
  });
}

TEST(RecursiveTimedMutex, TheOwnerNeedNotWait) {
  ramie::test::on_one_worker([] {
    ramie::recursive_timed_mutex m;
    EXPECT_TRUE(m.try_lock_for(soon));
    EXPECT_TRUE(m.try_lock_until(std::chrono::system_clock::now()));
    auto other = spawn([&] { return m.try_lock_for(soon); });
    EXPECT_FALSE(other.join());
    auto waiting = spawn([&] { return m.try_lock_for(forever); });
    settle();
    m.unlock();
    settle();
    EXPECT_FALSE(waiting.done());
    m.unlock();
    EXPECT_TRUE(waiting.join());
  });
}

}  // namespace
