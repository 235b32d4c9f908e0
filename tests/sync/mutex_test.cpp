#include <ramie/sync/mutex.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <ramie/sync/auto_reset_event.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::test::settle;

RAMIE_TEST_WITH_WORKERS(MutexStress);

TEST(Mutex, TryLockFailsWhileItIsHeld) {
  ramie::mutex m;
  EXPECT_TRUE(m.try_lock());
  EXPECT_FALSE(m.try_lock());
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TEST(Mutex, ExcludesPlainThreadsOutsideAnyRuntime) {
  ramie::mutex m;
  int counter = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        std::lock_guard const guard(m);
        ++counter;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter, 80'000);
}

TEST(Mutex, UnlockWakesOneWaiter) {
  ramie::test::on_one_worker([] {
    ramie::mutex m;
    ramie::auto_reset_event told;
    int entered = 0;
    std::unique_lock held(m);
    std::vector<ramie::join_handle<void>> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.push_back(spawn([&] {
        std::lock_guard const guard(m);
        ++entered;
        told.wait();
      }));
    }
    settle();
    EXPECT_EQ(entered, 0);
    held.unlock();
    for (int expected = 1; expected <= 3; ++expected) {
      settle();
      EXPECT_EQ(entered, expected);
      told.set();
    }
  });
}

TEST(Mutex, IsHandedToAWaiterThatWasPassedOverTooOften) {
  ramie::test::on_one_worker([] {
    ramie::mutex m;
    bool served = false;
    m.lock();
    auto waiter = spawn([&] {
      std::lock_guard const guard(m);
      served = true;
    });
    settle();
    unsigned rounds = 0;
    while (!served && rounds < 10 * ramie::mutex::max_passed_over) {
      m.unlock();
      m.lock();  // Takes it before the woken waiter runs.
      settle();
      ++rounds;
    }
    m.unlock();
    waiter.join();
    EXPECT_EQ(rounds, ramie::mutex::max_passed_over + 1);
  });
}

TEST(Mutex, KeepsThePlaceOfAWaiterThatWasPassedOver) {
  ramie::test::on_one_worker([] {
    ramie::mutex m;
    std::vector<int> order;
    m.lock();
    auto first = spawn([&] {
      std::lock_guard const guard(m);
      order.push_back(1);
    });
    settle();
    auto second = spawn([&] {
      std::lock_guard const guard(m);
      order.push_back(2);
    });
    settle();
    m.unlock();
    m.lock();  // Takes it before the first waiter, which is woken in vain.
    settle();
    m.unlock();
    first.join();
    second.join();
    EXPECT_EQ(order, (std::vector{1, 2}));
  });
}

TEST(Mutex, LockIsNotACancellationPoint) {
  ramie::test::on_one_worker([] {
    ramie::mutex m;
    bool got_it = false;
    m.lock();
    auto waiter = spawn([&] {
      m.lock();
      got_it = true;
      m.unlock();
    });
    settle();
    waiter.cancel();
    settle();
    EXPECT_FALSE(got_it);
    m.unlock();
    settle();
    EXPECT_TRUE(got_it);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST_P(MutexStress, ExcludesFibersAndThreads) {
  run_it([] {
    ramie::mutex m;
    long counter = 0;
    ramie::test::fibers_and_threads(8, [&](int who) {
      for (int i = 0; i < 4'000; ++i) {
        std::lock_guard const guard(m);
        long const seen = counter;
        if ((i + who) % 16 == 0) ramie::this_fiber::yield();
        counter = seen + 1;
      }
    });
    EXPECT_EQ(counter, 32'000);
  });
}

TEST_P(MutexStress, MayBeDestroyedByTheNextHolder) {
  run_it([] {
    for (int i = 0; i < 1000; ++i) {
      auto m = std::make_unique<ramie::mutex>();
      ramie::mutex& bare = *m;
      std::atomic<bool> locked = false;
      auto first = spawn([&] {
        bare.lock();
        locked.store(true, std::memory_order_release);
        ramie::this_fiber::yield();
        bare.unlock();
      });
      while (!locked.load(std::memory_order_acquire)) ramie::this_fiber::yield();
      bare.lock();
      bare.unlock();
      m.reset();
      first.join();
    }
  });
}

TEST(MutexStress, TheLastHolderIsDoneWithItWhenTheNextOneHasIt) {
  struct held_once {
    ramie::mutex m;
    std::atomic<bool> held{false};
    std::atomic<bool> wanted{false};
    std::atomic<int> alignment{0};
  };
  static int alignment = 0;
  ramie::test::destroy_while_the_waker_leaves(
      +[] {
        auto made = std::make_shared<held_once>();
        made->alignment = alignment++ % 64;
        return made;
      },
      [](held_once& it) {
        it.m.lock();
        it.held.store(true);
        while (!it.wanted.load()) std::this_thread::yield();
        ramie::test::pause_for(it.alignment.load());
        it.m.unlock();
      },
      [](held_once& it) {
        while (!it.held.load()) std::this_thread::yield();
        it.wanted.store(true);
        it.m.lock();
        it.m.unlock();
      });
}

}  // namespace
