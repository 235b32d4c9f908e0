// Times that are over, or that never come, given to every wait of the scheduler that takes a time.
#include "any_time.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/periodic_timer.hpp>
#include <ramie/sched/shutdown_report.hpp>
#include <ramie/sched/timed_out.hpp>

#include "support/fibers.hpp"

namespace {

using ramie::test::for_times_that_have_come;
using ramie::test::for_times_that_never_come;
using ramie::test::forever;
using ramie::test::is_duration;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::settle;
namespace this_fiber = ramie::this_fiber;

template <class Time>
void sleep(Time when) {
  if constexpr (is_duration<Time>) {
    this_fiber::sleep_for(when);
  } else {
    this_fiber::sleep_until(when);
  }
}

template <class Time>
std::future_status wait(ramie::join_handle<void>& handle, Time when) {
  if constexpr (is_duration<Time>) {
    return handle.wait_for(when);
  } else {
    return handle.wait_until(when);
  }
}

TEST(AnyTime, SleepReturnsAtOnceOrNever) {
  on_fiber_and_thread([] { for_times_that_have_come([](auto when) { sleep(when); }); });
  on_one_worker([] {
    for_times_that_never_come([](auto when) {
      auto sleeper = ramie::spawn([=] { sleep(when); });
      settle();
      EXPECT_FALSE(sleeper.done());
      sleeper.cancel();
      EXPECT_THROW(sleeper.join(), ramie::cancelled);
    });
  });
}

TEST(AnyTime, AJoinHandleIsWaitedForNotAtAllOrToTheEnd) {
  on_one_worker([] {
    for_times_that_have_come([](auto when) {
      auto endless = ramie::spawn([] { this_fiber::sleep_for(forever); });
      EXPECT_EQ(wait(endless, when), std::future_status::timeout);
    });
    for_times_that_never_come([](auto when) {
      auto short_lived = ramie::spawn([] { settle(); });
      EXPECT_EQ(wait(short_lived, when), std::future_status::ready);
      short_lived.join();
      EXPECT_EQ(wait(short_lived = ramie::spawn([] {}), when), std::future_status::ready);
    });
  });
}

TEST(AnyTime, ADeadlineScopeHasEndedOrNeverEnds) {
  on_fiber_and_thread([] {
    for_times_that_have_come([](auto when) {
      ramie::deadline_scope const limit(when);
      EXPECT_TRUE(limit.expired());
      EXPECT_THROW(this_fiber::sleep_for(forever), ramie::timed_out);
    });
    for_times_that_never_come([](auto when) {
      ramie::deadline_scope const limit(when);
      EXPECT_FALSE(limit.expired());
      this_fiber::sleep_for(ramie::test::soon);
    });
  });
}

TEST(AnyTime, ShutdownGivesUpAtOnceOrWaits) {
  for_times_that_have_come([](auto when) {
    ramie::runtime here({.workers = 1});
    std::atomic<bool> begun{false};
    std::atomic<bool> may_end{false};
    here.post([&] {
      begun = true;
      while (!may_end) this_fiber::yield();
    });
    while (!begun) std::this_thread::yield();
    EXPECT_FALSE(here.shutdown(when));
    may_end = true;
  });
  for_times_that_never_come([](auto when) {
    ramie::runtime here({.workers = 1});
    here.post([] { settle(); });
    EXPECT_TRUE(here.shutdown(when));
  });
}

TEST(AnyTime, APeriodicTimerRefusesOrNeverTicks) {
  for_times_that_have_come([](auto when) {
    if constexpr (is_duration<decltype(when)>) {
      EXPECT_THROW(ramie::periodic_timer{when}, std::invalid_argument);
    }
  });
  on_one_worker([] {
    for_times_that_never_come([](auto when) {
      if constexpr (is_duration<decltype(when)>) {
        ramie::periodic_timer timer(when);
        ramie::deadline_scope const limit(ramie::test::soon);
        EXPECT_THROW(timer.wait(), ramie::timed_out);
      }
    });
  });
}

}  // namespace
