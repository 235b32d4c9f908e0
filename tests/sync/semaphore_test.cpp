#include <ramie/sync/semaphore.hpp>

#include <atomic>
#include <limits>
#include <memory>
#include <random>
#include <system_error>
#include <thread>
#include <vector>

#include <ramie/sched/deadline_scope.hpp>

#include "../sched/any_time.hpp"
#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::test::code_of;
using ramie::test::forever;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(SemaphoreStress);

template <class Time>
bool acquire_by(ramie::counting_semaphore<>& semaphore, Time when) {
  if constexpr (ramie::test::is_duration<Time>) {
    return semaphore.try_acquire_for(when);
  } else {
    return semaphore.try_acquire_until(when);
  }
}

TEST(Semaphore, GivesWhatItHas) {
  ramie::counting_semaphore semaphore(2);
  EXPECT_TRUE(semaphore.try_acquire());
  semaphore.acquire();
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release(0);
  EXPECT_FALSE(semaphore.try_acquire());
}

TEST(Semaphore, AReleaseOutOfRangeIsAnErrorAndChangesNothing) {
  ramie::binary_semaphore one(0);
  EXPECT_EQ(code_of([&] { one.release(2); }), std::errc::value_too_large);
  EXPECT_EQ(code_of([&] { one.release(-1); }), std::errc::invalid_argument);
  EXPECT_FALSE(one.try_acquire());
  one.release();
  EXPECT_EQ(code_of([&] { one.release(); }), std::errc::value_too_large);
  EXPECT_TRUE(one.try_acquire());
  ramie::counting_semaphore most(ramie::counting_semaphore<>::max());
  EXPECT_EQ(code_of([&] { most.release(); }), std::errc::value_too_large);
  most.acquire();
  most.release();
}

TEST(Semaphore, ServesItsWaitersInOrderAndBeforeNewcomers) {
  ramie::test::on_one_worker([] {
    ramie::counting_semaphore semaphore(0);
    std::vector<int> served;
    std::vector<ramie::join_handle<void>> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.push_back(spawn([&, i] { semaphore.acquire(), served.push_back(i); }));
      settle();
    }
    semaphore.release(2);
    EXPECT_FALSE(semaphore.try_acquire());
    settle();
    EXPECT_EQ(served, (std::vector{0, 1}));
    semaphore.release(2);
    EXPECT_TRUE(semaphore.try_acquire());  // what the last one left
    settle();
    EXPECT_EQ(served, (std::vector{0, 1, 2}));
  });
}

TEST(Semaphore, ACancelledWaiterTakesNothing) {
  ramie::test::on_one_worker([] {
    ramie::counting_semaphore semaphore(0);
    auto first = spawn([&] { semaphore.acquire(); });
    settle();
    auto second = spawn([&] { semaphore.acquire(); });
    settle();
    first.cancel();
    semaphore.release();
    second.join();
    EXPECT_THROW(first.join(), ramie::cancelled);
    EXPECT_FALSE(semaphore.try_acquire());
    semaphore.release();
    EXPECT_TRUE(semaphore.try_acquire());
  });
}

TEST(Semaphore, AReleaseWinsOverCancellation) {
  ramie::test::on_one_worker([] {
    ramie::counting_semaphore semaphore(0);
    bool acquired = false;
    auto waiter = spawn([&] { semaphore.acquire(), acquired = true; });
    settle();
    semaphore.release();
    waiter.cancel();
    settle();
    EXPECT_TRUE(acquired);
  });
}

TEST(Semaphore, TimedWaitsTellTheirOwnTimeFromTheScopes) {
  auto const wait = [] {
    ramie::counting_semaphore semaphore(0);
    EXPECT_FALSE(semaphore.try_acquire_for(soon));
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(semaphore.try_acquire_for(forever), ramie::timed_out);
    EXPECT_THROW(semaphore.acquire(), ramie::timed_out);
    semaphore.release();
    semaphore.acquire();  // It need not wait.
  };
  wait();
  ramie::test::on_one_worker(wait);
}

TEST(Semaphore, TakesEveryTime) {
  ramie::test::on_one_worker([] {
    ramie::test::for_times_that_have_come([](auto when) {
      ramie::counting_semaphore semaphore(0);
      EXPECT_FALSE(acquire_by(semaphore, when));
      semaphore.release();
      EXPECT_TRUE(acquire_by(semaphore, when));
    });
    ramie::test::for_times_that_never_come([](auto when) {
      ramie::counting_semaphore semaphore(0);
      auto waiter = spawn([&] { return acquire_by(semaphore, when); });
      settle();
      EXPECT_FALSE(waiter.done());
      semaphore.release();
      EXPECT_TRUE(waiter.join());
    });
  });
}

// Releases meet waits that time out; what nobody acquired is still there in the end.
TEST_P(SemaphoreStress, LosesNothing) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    ramie::counting_semaphore semaphore(0);
    std::atomic<long> balance{0};
    ramie::test::fibers_and_threads(8, [&](int who) {
      std::mt19937 random(seed + static_cast<unsigned>(who));
      for (int i = 0; i < 3000; ++i) {
        if (random() % 2 == 0) {
          auto const n = static_cast<std::ptrdiff_t>(random() % 3);
          semaphore.release(n);
          balance.fetch_add(n);
        } else if (random() % 4 == 0
                       ? semaphore.try_acquire()
                       : semaphore.try_acquire_for(std::chrono::microseconds(random() % 50))) {
          balance.fetch_sub(1);
        }
      }
    });
    while (semaphore.try_acquire()) balance.fetch_sub(1);
    EXPECT_EQ(balance.load(), 0);
  });
}

TEST_P(SemaphoreStress, BoundsHowManyAreInside) {
  run_it([] {
    ramie::counting_semaphore<3> semaphore(3);
    std::atomic<int> inside{0};
    ramie::test::fibers_and_threads(8, [&](int) {
      for (int i = 0; i < 2000; ++i) {
        semaphore.acquire();
        EXPECT_LE(inside.fetch_add(1), 2);
        if (i % 8 == 0) ramie::this_fiber::yield();
        inside.fetch_sub(1);
        semaphore.release();
      }
    });
  });
}

std::shared_ptr<ramie::binary_semaphore> empty_semaphore() {
  return std::make_shared<ramie::binary_semaphore>(0);
}

TEST_P(SemaphoreStress, MayBeDestroyedByWhoeverHasAcquired) {
  run_it([] {
    ramie::test::destroy_as_soon_as_woken(
        &empty_semaphore, [](auto& semaphore) { semaphore.release(); },
        [](auto& semaphore) { semaphore.acquire(); });
  });
}

TEST(SemaphoreStress, AReleaseIsDoneWithItWhenItIsAcquired) {
  ramie::test::destroy_while_the_waker_leaves(
      &empty_semaphore, [](auto& semaphore) { semaphore.release(); },
      [](auto& semaphore) { semaphore.acquire(); });
}

// The release finds a waiter that is about to leave.
TEST(SemaphoreStress, AReleaseIsDoneWithItAfterAWaitThatTimedOut) {
  ramie::test::destroy_while_the_waker_leaves(
      &empty_semaphore, [](auto& semaphore) { semaphore.release(); },
      [](auto& semaphore) {
        for (int tries = 1; !semaphore.try_acquire_for(std::chrono::nanoseconds(0)); ++tries) {
          if (tries % 64 == 0) std::this_thread::yield();
        }
      });
}

}  // namespace
