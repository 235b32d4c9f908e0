// The poller as a driver, without a runtime.
#include "poller.hpp"

#include <pthread.h>

#include <cstdint>
#include <thread>

#include "sockets.hpp"

namespace {

using ramie::detail::poller;
using std::chrono::steady_clock;

TEST(Poller, AnInterruptBeforeTheWaitEndsIt) {
  poller p;
  p.interrupt();
  p.wait_until(steady_clock::time_point::max());
}

TEST(Poller, AnInterruptFromAnotherThreadEndsTheWait) {
  poller p;
  for (int i = 0; i < 200; ++i) {
    std::thread other([&] { p.interrupt(); });
    p.wait_until(steady_clock::time_point::max());
    other.join();
  }
}

TEST(Poller, ADeadlineEndsTheWait) {
  poller p;
  auto const deadline = steady_clock::now() + std::chrono::milliseconds(2);
  while (steady_clock::now() < deadline) p.wait_until(deadline);
  p.wait_until(steady_clock::time_point::min());
  p.wait_until(steady_clock::now());
}

TEST(Poller, HasNoSourcesBeforeTheFirstWait) {
  poller p;
  EXPECT_FALSE(p.has_sources());
}

TEST(Poller, SeveralLiveSideBySide) {
  auto first = std::make_unique<poller>();
  auto second = std::make_unique<poller>();
  auto third = std::make_unique<poller>();
  second.reset();
  poller::forget_everywhere(5, 99);
  first.reset();
  poller::forget_everywhere(5, 99);
}

TEST(SpinHistory, GoesOnWhileEveryOtherTryFindsSomething) {
  ramie::detail::spin_history history;
  auto const waits_that_block = [&] {
    int waits = 0;
    while (!history.worth_a_try()) ++waits;
    return waits;
  };
  for (int const skipped : {0, 1, 3, 7, 15, 31, 63, 127, 255, 255}) {
    EXPECT_EQ(waits_that_block(), skipped);
    history.tried(false);
  }
  for (int const skipped : {255, 127, 63, 31, 15, 7, 3, 1, 0, 0}) {
    EXPECT_EQ(waits_that_block(), skipped);
    history.tried(true);
  }
}

TEST(SpinHistory, NoTryBeginsWhereTheLastWaitThatBlockedWasLong) {
  ramie::detail::spin_history history;
  history.blocked(1e-3, false);
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(history.worth_a_try());
  history.blocked(50e-6, false);
  EXPECT_TRUE(history.worth_a_try());
  history.blocked(50e-6, true);  // Nothing has come.
  EXPECT_FALSE(history.worth_a_try());
}

TEST(SpinHistory, WaitsThatAreLongCountAsThoseThatBlockAfterAFailure) {
  ramie::detail::spin_history history;
  history.tried(false);
  history.blocked(1e-3, false);
  EXPECT_FALSE(history.worth_a_try());
  history.blocked(50e-6, false);
  EXPECT_TRUE(history.worth_a_try());
}

TEST(SpinHistory, ManyShareASleep) {
  ramie::detail::spin_history history;
  EXPECT_FALSE(history.sleep_is_shared());
  for (int i = 0; i < 3; ++i) history.came();
  EXPECT_FALSE(history.sleep_is_shared());
  for (int i = 0; i < 4; ++i) history.came();
  EXPECT_TRUE(history.sleep_is_shared());
  EXPECT_FALSE(history.sleep_is_shared());
  for (int i = 0; i < 4; ++i) history.came();
  history.tried(false);
  EXPECT_FALSE(history.worth_a_try());  // That wait blocks.
  EXPECT_TRUE(history.worth_a_try());
  EXPECT_FALSE(history.sleep_is_shared());
}

/// Waits of one worker, by a clock of its own.
class WaitTrial : public testing::Test {
 protected:
  struct costs {
    std::int64_t looking;
    std::int64_t blocking;
  };

  void wait(int times, costs each, int events = 1, pthread_t thread = ::pthread_self()) {
    for (int i = 0; i < times; ++i) {
      time_ += trial.looks_first() ? each.looking : each.blocking;
      for (int k = 0; k < events; ++k) trial.came();
      trial.waited(thread, [this] {
        ++clock_reads;
        return time_;
      });
    }
  }

  using wait_trial = ramie::detail::wait_trial;
  static constexpr int one_trial = 2 * (wait_trial::warm_up + wait_trial::measured);
  static constexpr int first_trial = wait_trial::before_first + one_trial;

  wait_trial trial;
  int clock_reads = 0;

 private:
  std::int64_t time_ = 0;
};

TEST_F(WaitTrial, LooksWhereThatCostsLittleMore) {
  EXPECT_TRUE(trial.looks_first());
  wait(first_trial, {114, 100});
  EXPECT_TRUE(trial.looks_first());
}

TEST_F(WaitTrial, BlocksWhereLooksCostMuchMore) {
  wait(first_trial, {116, 100});
  EXPECT_FALSE(trial.looks_first());
}

TEST_F(WaitTrial, ChangesItsMindForSomethingThatIsCheaper) {
  wait(first_trial, {116, 100});
  wait(wait_trial::least_settled + one_trial, {101, 100});
  EXPECT_FALSE(trial.looks_first());
  wait(2 * wait_trial::least_settled + one_trial, {99, 100});
  EXPECT_TRUE(trial.looks_first());
}

TEST_F(WaitTrial, CountsTheEventsThatShareAWait) {
  wait(wait_trial::before_first, {300, 100});
  wait(one_trial / 2, {300, 100}, 3);
  wait(one_trial / 2, {300, 100}, 1);
  EXPECT_TRUE(trial.looks_first());
}

TEST_F(WaitTrial, IsHeldRarelyWhereItTellsTheSame) {
  constexpr int waits = 1'000'000;
  wait(waits, {100, 100});
  EXPECT_GT(clock_reads, 0);
  EXPECT_LE(clock_reads, one_trial * (waits / wait_trial::most_settled + 6));
}

TEST_F(WaitTrial, KnowsNothingOfWaitsInTurnsByTwoThreads) {
  std::thread other([] {});
  for (int i = 0; i < first_trial / 2; ++i) {
    wait(1, {900, 100});
    wait(1, {900, 100}, 1, other.native_handle());
  }
  EXPECT_TRUE(trial.looks_first());
  other.join();
}

TEST_F(WaitTrial, KnowsNothingOfWaitsForNothing) {
  wait(first_trial, {900, 100}, 0);
  EXPECT_TRUE(trial.looks_first());
}

TEST(Poller, AnEventThatComesBeforeACancelledFiberRunsEndsItsWait) {
  ramie::test::on_one_worker([] {
    auto pair = ramie::test::connect_pair();
    auto reader = ramie::spawn([&] { return ramie::test::read_text(pair.client, 1); });
    ramie::test::settle();
    pair.server.write_all("x");
    reader.cancel();
    std::error_code error;
    poller::of_this_fiber(error)->wait_until(steady_clock::time_point::min());
    EXPECT_EQ(reader.join(), "x");  // Completion wins.
  });
}

}  // namespace
