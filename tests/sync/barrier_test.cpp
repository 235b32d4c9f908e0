#include <ramie/sync/barrier.hpp>

#include <memory>
#include <optional>
#include <random>
#include <vector>

#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sync/event.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(BarrierStress);

TEST(Barrier, TheLastArrivalCompletesThePhaseAndWakesTheOthers) {
  ramie::test::on_one_worker([] {
    int completed = 0;
    auto count = [&completed]() noexcept { ++completed; };
    ramie::barrier<decltype(count)> barrier(3, count);
    for (int phase = 1; phase <= 3; ++phase) {
      int passed = 0;
      auto a = spawn([&] { barrier.arrive_and_wait(), ++passed; });
      auto b = spawn([&] { barrier.arrive_and_wait(), ++passed; });
      settle();
      EXPECT_EQ(passed, 0);
      EXPECT_EQ(completed, phase - 1);
      barrier.arrive_and_wait();
      EXPECT_EQ(completed, phase);
      settle();
      EXPECT_EQ(passed, 2);
    }
  });
}

TEST(Barrier, AWaitForThePhaseBeforeReturnsAtOnce) {
  ramie::barrier barrier(1);
  auto first = barrier.arrive();
  barrier.wait(std::move(first));
  auto second = barrier.arrive();
  auto third = std::move(second);
  barrier.wait(std::move(third));
}

TEST(Barrier, SeveralArrivalsMayCountAtOnce) {
  ramie::test::on_one_worker([] {
    ramie::barrier barrier(5);
    auto waiter = spawn([&] { barrier.wait(barrier.arrive(2)); });
    settle();
    EXPECT_FALSE(waiter.done());
    static_cast<void>(barrier.arrive(3));
    waiter.join();
  });
}

TEST(Barrier, WhoDropsOutIsNotExpectedAgain) {
  ramie::test::on_one_worker([] {
    ramie::barrier barrier(3);
    barrier.arrive_and_drop();
    barrier.arrive_and_drop();
    barrier.arrive_and_wait();
    for (int i = 0; i < 3; ++i) barrier.arrive_and_wait();
  });
}

TEST(Barrier, TheCompletionMayWait) {
  ramie::run({.workers = 2}, [] {
    int completed = 0;
    auto sleep = [&completed]() noexcept {
      ramie::this_fiber::yield();
      ramie::this_fiber::sleep_for(soon);
      ++completed;
    };
    ramie::barrier<decltype(sleep)> barrier(2, sleep);
    auto other = spawn([&] {
      barrier.arrive_and_wait();
      EXPECT_EQ(completed, 1);
    });
    barrier.arrive_and_wait();
    EXPECT_EQ(completed, 1);
    other.join();
  });
}

TEST(Barrier, TheCompletionIsNotInterrupted) {
  for (bool const by_deadline : {false, true}) {
    ramie::test::on_one_worker([by_deadline] {
      ramie::event go;
      auto wait = [&go]() noexcept { go.wait(); };
      ramie::barrier<decltype(wait)> barrier(1, wait);
      auto last = spawn([&] {
        std::optional<ramie::deadline_scope> limit;
        if (by_deadline) limit.emplace(-soon);
        barrier.arrive_and_wait();
      });
      settle();
      if (!by_deadline) last.cancel();
      settle();
      EXPECT_FALSE(last.done());
      go.set();
      last.join();
    });
  }
}

TEST(Barrier, ACancelledWaitThrowsAndItsArrivalStands) {
  ramie::test::on_one_worker([] {
    ramie::barrier barrier(2);
    auto waiter = spawn([&] { barrier.wait(barrier.arrive()); });
    settle();
    waiter.cancel();
    EXPECT_THROW(waiter.join(), ramie::cancelled);
    barrier.arrive_and_wait();
  });
}

TEST(Barrier, ArriveAndWaitIsNotInterrupted) {
  ramie::test::on_one_worker([] {
    ramie::barrier barrier(2);
    bool passed = false;
    auto waiter = spawn([&] {
      ramie::deadline_scope const over(-soon);
      barrier.arrive_and_wait();
      passed = true;
    });
    settle();
    waiter.cancel();
    settle();
    EXPECT_FALSE(passed);
    barrier.arrive_and_wait();
    settle();
    EXPECT_TRUE(passed);
  });
}

TEST(Barrier, AWaitObeysTheDeadlineOfItsScope) {
  auto const wait = [] {
    ramie::barrier barrier(2);
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(barrier.wait(barrier.arrive()), ramie::timed_out);
    barrier.wait(barrier.arrive());  // It need not wait.
  };
  wait();
  ramie::test::on_one_worker(wait);
}

// Everybody's writes of a phase are visible to the completion, and the completion's to everybody.
TEST_P(BarrierStress, PhasesFollowEachOtherForAll) {
  run_it([] {
    constexpr int phases = 500;
    std::vector<int> written(8, 0);
    int phase = 0;
    auto complete = [&]() noexcept {
      for (int const each : written) EXPECT_EQ(each, phase);
      ++phase;
    };
    ramie::barrier<decltype(complete)> barrier(8, complete);
    ramie::test::fibers_and_threads(8, [&](int who) {
      for (int i = 0; i < phases; ++i) {
        EXPECT_EQ(phase, i);
        written[static_cast<std::size_t>(who)] = i;
        barrier.arrive_and_wait();
      }
    });
    EXPECT_EQ(phase, phases);
  });
}

TEST_P(BarrierStress, MembersDropOutOneAfterAnother) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    for (int round = 0; round < 50; ++round) {
      ramie::barrier barrier(8);
      ramie::test::fibers_and_threads(8, [&](int who) {
        std::mt19937 random(seed + static_cast<unsigned>(who));
        for (auto i = random() % 20; i > 0; --i) barrier.arrive_and_wait();
        barrier.arrive_and_drop();
      });
    }
  });
}

std::shared_ptr<ramie::barrier<>> barrier_of_two() {
  return std::make_shared<ramie::barrier<>>(2);
}

TEST_P(BarrierStress, MayBeDestroyedByWhoeverWasWoken) {
  run_it([] {
    ramie::test::destroy_as_soon_as_woken(
        &barrier_of_two, [](auto& barrier) { static_cast<void>(barrier.arrive()); },
        [](auto& barrier) { barrier.arrive_and_wait(); });
  });
}

TEST(BarrierStress, TheLastArrivalIsDoneWithItWhenAWaitReturns) {
  static int alignment = 0;
  ramie::test::destroy_while_the_waker_leaves(
      &barrier_of_two, [](auto& barrier) { static_cast<void>(barrier.arrive()); },
      [](auto& barrier) {
        auto token = barrier.arrive();
        ramie::test::pause_for(alignment++ % 64);  // It may find the phase at its end.
        barrier.wait(std::move(token));
      });
}

}  // namespace
