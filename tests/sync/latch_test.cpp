#include <ramie/sync/latch.hpp>

#include <limits>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/deadline_scope.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::test::code_of;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(LatchStress);

TEST(Latch, WaitReturnsWhenTheCountComesToZero) {
  ramie::test::on_one_worker([] {
    ramie::latch latch(3);
    int woken = 0;
    auto a = spawn([&] { latch.wait(), ++woken; });
    auto b = spawn([&] { latch.wait(), ++woken; });
    settle();
    latch.count_down(2);
    settle();
    EXPECT_EQ(woken, 0);
    EXPECT_FALSE(latch.try_wait());
    latch.count_down();
    settle();
    EXPECT_EQ(woken, 2);
    EXPECT_TRUE(latch.try_wait());
    latch.wait();
    latch.count_down(0);
  });
}

TEST(Latch, MayBeZeroFromTheBeginning) {
  ramie::latch latch(0);
  EXPECT_TRUE(latch.try_wait());
  latch.wait();
}

TEST(Latch, AnArrivalTooManyIsAnErrorAndChangesNothing) {
  ramie::latch latch(2);
  EXPECT_EQ(code_of([&] { latch.count_down(3); }), std::errc::invalid_argument);
  EXPECT_EQ(code_of([&] { latch.count_down(-1); }), std::errc::invalid_argument);
  latch.count_down(2);
  EXPECT_EQ(code_of([&] { latch.arrive_and_wait(); }), std::errc::invalid_argument);
  latch.wait();
  ramie::latch large(ramie::latch::max());
  large.count_down(ramie::latch::max() - 1);
  EXPECT_FALSE(large.try_wait());
  large.count_down();
  EXPECT_TRUE(large.try_wait());
}

TEST(Latch, ACancelledWaitThrowsAndTakesNoArrivalBack) {
  ramie::test::on_one_worker([] {
    ramie::latch latch(1);
    auto waiter = spawn([&] { latch.wait(); });
    settle();
    waiter.cancel();
    EXPECT_THROW(waiter.join(), ramie::cancelled);
    latch.count_down();  // with the queue empty again
    latch.wait();
  });
}

TEST(Latch, ArriveAndWaitIsNotInterrupted) {
  ramie::test::on_one_worker([] {
    ramie::latch latch(2);
    bool passed = false;
    auto waiter = spawn([&] {
      ramie::deadline_scope const over(-soon);
      latch.arrive_and_wait();
      passed = true;
    });
    settle();
    waiter.cancel();
    settle();
    EXPECT_FALSE(passed);
    latch.count_down();
    settle();
    EXPECT_TRUE(passed);
  });
}

TEST(Latch, AWaitObeysTheDeadlineOfItsScope) {
  auto const wait = [] {
    ramie::latch latch(1);
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(latch.wait(), ramie::timed_out);
    latch.count_down();
    latch.wait();  // It need not wait.
  };
  wait();
  ramie::test::on_one_worker(wait);
}

TEST_P(LatchStress, WhatWasDoneIsVisibleAfterTheWait) {
  run_it([] {
    for (int round = 0; round < 200; ++round) {
      ramie::latch latch(8);
      std::vector<int> written(8, 0);
      ramie::test::fibers_and_threads(8, [&](int who) {
        written[static_cast<std::size_t>(who)] = 1;
        if (who % 4 == 3) return latch.count_down();
        latch.arrive_and_wait();
        for (int const one : written) EXPECT_EQ(one, 1);
      });
      EXPECT_TRUE(latch.try_wait());
      for (int const one : written) ASSERT_EQ(one, 1);
    }
  });
}

std::shared_ptr<ramie::latch> latch_of_two() {
  return std::make_shared<ramie::latch>(2);
}

TEST_P(LatchStress, MayBeDestroyedByWhoeverWasWoken) {
  run_it([] {
    ramie::test::destroy_as_soon_as_woken(
        &latch_of_two, [](auto& latch) { latch.count_down(), latch.count_down(); },
        [](auto& latch) { latch.wait(); });
  });
}

TEST(LatchStress, TheLastArrivalIsDoneWithItWhenAWaitReturns) {
  auto const arrive = [](auto& latch) { latch.count_down(), latch.count_down(); };
  ramie::test::destroy_while_the_waker_leaves(&latch_of_two, arrive,
                                              [](auto& latch) { latch.wait(); });
}

// One waiter makes the last arrival take its slow path, the other one only looks.
TEST(LatchStress, TheLastArrivalIsDoneWithItWhenTryWaitIsTrue) {
  ramie::test::destroy_while_the_waker_leaves(
      &latch_of_two, [](auto& latch) { latch.count_down(), latch.count_down(); },
      [](auto& latch) {
        {
          ramie::deadline_scope const over(-soon);
          try {
            latch.wait();
          } catch (ramie::timed_out const&) {  // and has left the latch marked as waited for
          }
        }
        while (!latch.try_wait()) std::this_thread::yield();
      });
}

}  // namespace
