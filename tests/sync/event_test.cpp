#include <ramie/sync/event.hpp>

#include <chrono>
#include <memory>
#include <vector>

#include <ramie/sync/auto_reset_event.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::test::forever;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(EventStress);

TEST(Event, StaysSetUntilItIsReset) {
  ramie::event e;
  EXPECT_FALSE(e.wait_for(soon));
  EXPECT_FALSE(e.wait_for(-forever));
  e.set();
  e.wait();
  EXPECT_TRUE(e.wait_for(-forever));
  EXPECT_TRUE(e.wait_until(std::chrono::system_clock::now() + forever));
  e.reset();
  EXPECT_FALSE(e.wait_until(std::chrono::system_clock::now()));
}

TEST(Event, SetWakesEveryWaiterEvenIfItIsResetAtOnce) {
  ramie::test::on_one_worker([] {
    ramie::event e;
    int woken = 0;
    std::vector<ramie::join_handle<void>> waiters;
    for (int i = 0; i < 4; ++i) {
      waiters.push_back(spawn([&] {
        e.wait();
        ++woken;
      }));
    }
    settle();
    e.set();
    e.reset();
    settle();
    EXPECT_EQ(woken, 4);
    EXPECT_FALSE(e.wait_for(soon));
  });
}

TEST(Event, ACancelledWaitThrowsAndLeavesTheOthersAlone) {
  ramie::test::on_one_worker([] {
    ramie::event e;
    auto first = spawn([&] { e.wait(); });
    auto second = spawn([&] { e.wait(); });
    settle();
    first.cancel();
    EXPECT_THROW(first.join(), ramie::cancelled);
    EXPECT_FALSE(second.done());
    e.set();
    second.join();
  });
}

TEST(AutoResetEvent, LetsOneWaiterPassForEachSet) {
  ramie::test::on_one_worker([] {
    ramie::auto_reset_event e;
    int woken = 0;
    std::vector<ramie::join_handle<void>> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.push_back(spawn([&] {
        e.wait();
        ++woken;
      }));
    }
    for (int expected = 1; expected <= 3; ++expected) {
      settle();
      e.set();
      settle();
      EXPECT_EQ(woken, expected);
    }
    EXPECT_FALSE(e.wait_for(soon));
  });
}

TEST(AutoResetEvent, RemembersOneSetWithoutAWaiter) {
  ramie::auto_reset_event e;
  e.set();
  e.set();
  e.wait();
  EXPECT_FALSE(e.wait_for(soon));
  e.set();
  e.reset();
  EXPECT_FALSE(e.wait_until(std::chrono::steady_clock::now()));
}

TEST(AutoResetEvent, ACancelledWaiterDoesNotTakeTheSignal) {
  ramie::test::on_one_worker([] {
    ramie::auto_reset_event e;
    auto first = spawn([&] { e.wait(); });
    settle();
    auto second = spawn([&] { e.wait(); });
    settle();
    first.cancel();
    e.set();
    second.join();
    EXPECT_THROW(first.join(), ramie::cancelled);
  });
}

TEST_P(EventStress, MayBeDestroyedByWhoeverWasWoken) {
  run_it([] {
    ramie::test::destroy_as_soon_as_woken(
        +[] { return std::make_shared<ramie::event>(); }, [](auto& e) { e.set(); },
        [](auto& e) { e.wait(); });
    ramie::test::destroy_as_soon_as_woken(
        +[] { return std::make_shared<ramie::auto_reset_event>(); }, [](auto& e) { e.set(); },
        [](auto& e) { e.wait(); });
    // The time may run out as it is set: then the second wait gets it.
    ramie::test::destroy_as_soon_as_woken(
        +[] { return std::make_shared<ramie::auto_reset_event>(); }, [](auto& e) { e.set(); },
        [](auto& e) {
          if (!e.wait_for(std::chrono::microseconds(20))) e.wait();
        });
  });
}

TEST_P(EventStress, EverySignalReachesOneOfTheTimedWaiters) {
  run_it([] {
    ramie::auto_reset_event request;
    ramie::auto_reset_event reply;
    constexpr int rounds = 2'000;
    ramie::test::fibers_and_threads(2, [&](int who) {
      auto& mine = who == 0 ? request : reply;
      auto& other = who == 0 ? reply : request;
      for (int i = 0; i < rounds; ++i) {
        if (who == 1) other.set();
        while (!mine.wait_for(std::chrono::microseconds(i % 50))) {
        }
        if (who == 0) other.set();
      }
    });
  });
}

TEST(EventStress, ASetterIsDoneWithItWhenAWaitReturns) {
  ramie::test::destroy_while_the_waker_leaves(
      +[] { return std::make_shared<ramie::event>(); }, [](auto& e) { e.set(); },
      [](auto& e) { e.wait(); });
  ramie::test::destroy_while_the_waker_leaves(
      +[] { return std::make_shared<ramie::auto_reset_event>(); }, [](auto& e) { e.set(); },
      [](auto& e) { e.wait(); });
}

}  // namespace
