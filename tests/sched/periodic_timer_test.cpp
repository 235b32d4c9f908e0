#include <ramie/sched/periodic_timer.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

#include <ramie/sched/deadline_scope.hpp>

#include "support/fibers.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::periodic_timer;

/// A runtime of one worker whose clock stands still until it is set.
class PeriodicTimer : public testing::Test {
 protected:
  template <class F>
  void run_it(F test) {
    ramie::runtime_options options{.workers = 1};
    options.clock = [this] { return start_ + passed_.load(); };
    ramie::run(options, std::move(test));
  }

  std::chrono::steady_clock::time_point const start_ = std::chrono::steady_clock::now();
  std::atomic<std::chrono::nanoseconds> passed_{0ns};
};

TEST_F(PeriodicTimer, TellsTicksThatWereMissedAndDoesNotDrift) {
  run_it([&] {
    periodic_timer timer(10ms);
    passed_ = 10ms;
    EXPECT_EQ(timer.wait(), 1U);
    passed_ = 29ms;
    EXPECT_EQ(timer.wait(), 1U);  // that of 20 ms
    passed_ = 30ms;
    EXPECT_EQ(timer.wait(), 1U);
    passed_ = 75ms;
    EXPECT_EQ(timer.wait(), 4U);
    passed_ = 80ms;
    EXPECT_EQ(timer.wait(), 1U);
  });
}

TEST_F(PeriodicTimer, Waits) {
  run_it([&] {
    periodic_timer timer(10ms);
    auto waits = ramie::spawn([&] { return timer.wait(); });
    ramie::test::settle();
    EXPECT_FALSE(waits.done());
    passed_ = 11ms;
    EXPECT_EQ(waits.join(), 1U);
  });
}

TEST_F(PeriodicTimer, CanBeInterrupted) {
  run_it([&] {
    periodic_timer timer(10ms);
    auto waits = ramie::spawn([&] { timer.wait(); });
    ramie::test::settle();
    waits.cancel();
    EXPECT_THROW(waits.join(), ramie::cancelled);
    ramie::deadline_scope const limit(0s);
    EXPECT_THROW(timer.wait(), ramie::timed_out);
  });
}

TEST(PeriodicTimerOfThreads, RunsOnPlainThreads) {
  periodic_timer timer(1ms);
  std::uint64_t ticks = 0;
  while (ticks < 5) ticks += timer.wait();
}

TEST(PeriodicTimerOfThreads, RefusesPeriodsThatAreNotPositive) {
  EXPECT_THROW(periodic_timer{0ms}, std::invalid_argument);
  EXPECT_THROW(periodic_timer{-1h}, std::invalid_argument);
  EXPECT_THROW(periodic_timer{std::chrono::hours::min()}, std::invalid_argument);
  EXPECT_NO_THROW(periodic_timer{std::chrono::hours::max()});
}

}  // namespace
