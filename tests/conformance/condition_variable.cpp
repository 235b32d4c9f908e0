// condition_variable, cv_status and notify_all_at_thread_exit.
#include <atomic>
#include <concepts>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "sut.hpp"

namespace {

using conformance::for_clocks;
using conformance::soon;
using namespace std::chrono_literals;
using sut::condition_variable;
using sut::cv_status;
using lock_type = std::unique_lock<sut::mutex>;

static_assert(conformance::stays_where_it_is<condition_variable>);
static_assert(std::is_default_constructible_v<condition_variable>);
static_assert(std::is_same_v<cv_status, std::cv_status>);

bool never() {
  return false;
}

static_assert(requires(condition_variable cv, lock_type lock, conformance::skewed_clock clock) {
  { cv.notify_one() } -> std::same_as<void>;
  requires noexcept(cv.notify_one());
  { cv.notify_all() } -> std::same_as<void>;
  requires noexcept(cv.notify_all());
  { cv.wait(lock) } -> std::same_as<void>;
  { cv.wait(lock, never) } -> std::same_as<void>;
  { cv.wait_for(lock, 1s) } -> std::same_as<cv_status>;
  { cv.wait_for(lock, 1s, never) } -> std::same_as<bool>;
  { cv.wait_until(lock, clock.now()) } -> std::same_as<cv_status>;
  { cv.wait_until(lock, clock.now(), never) } -> std::same_as<bool>;
  { sut::notify_all_at_thread_exit(cv, lock_type()) } -> std::same_as<void>;
});

CONFORMANCE_TEST(ConditionVariable, TimesOutByEveryClockWithTheLockHeld) {
  sut::mutex m;
  condition_variable cv;
  lock_type lock(m);
  EXPECT_EQ(cv.wait_for(lock, -1h), cv_status::timeout);
  EXPECT_FALSE(cv.wait_for(lock, soon, never));
  EXPECT_TRUE(cv.wait_for(lock, soon, [] { return true; }));
  for_clocks(soon, [&](auto when) {
    while (cv.wait_until(lock, when) == cv_status::no_timeout) {
    }
    EXPECT_FALSE(cv.wait_until(lock, when, never));
  });
  EXPECT_TRUE(lock.owns_lock());
  sut::thread([&m] { EXPECT_FALSE(m.try_lock()); }).join();
}

CONFORMANCE_TEST(ConditionVariable, WakesEachOfMany) {
  for (bool const at_once : {false, true}) {
    sut::mutex m;
    condition_variable cv;
    int tickets = 0;
    int waiting = 0;
    std::vector<sut::thread> waiters;
    for (int i = 0; i < 4; ++i) {
      waiters.emplace_back([&] {
        lock_type lock(m);
        ++waiting;
        while (tickets == 0) cv.wait(lock);
        --tickets;
      });
    }
    for (int seen = 0; seen < 4; sut::this_thread::yield()) {
      sut::lock_guard const guard(m);
      seen = waiting;
    }
    for (int i = 0; i < 4; ++i) {
      {
        sut::lock_guard const guard(m);
        tickets += at_once ? 4 : 1;
      }
      at_once ? cv.notify_all() : cv.notify_one();
      if (at_once) break;
    }
    for (auto& each : waiters) each.join();
    EXPECT_EQ(tickets, 0);
  }
}

CONFORMANCE_TEST(ConditionVariable, APredicatesExceptionLeavesTheLockHeld) {
  sut::mutex m;
  condition_variable cv;
  lock_type lock(m);
  auto const fails = []() -> bool { throw std::runtime_error("predicate"); };
  EXPECT_THROW(cv.wait(lock, fails), std::runtime_error);
  EXPECT_THROW(cv.wait_for(lock, 1h, fails), std::runtime_error);
  EXPECT_TRUE(lock.owns_lock());
  sut::thread([&m] { EXPECT_FALSE(m.try_lock()); }).join();
}

CONFORMANCE_TEST(ConditionVariable, PassesTurnsOn) {
  sut::mutex m;
  condition_variable cv;
  int turn = 0;
  auto const play = [&](int who) {
    for (int i = 0; i < 300; ++i) {
      lock_type lock(m);
      auto const mine = [&] { return turn % 2 == who; };
      switch (i % 3) {
        case 0:
          cv.wait(lock, mine);
          break;
        case 1:
          EXPECT_TRUE(cv.wait_for(lock, 1h, mine));
          break;
        default:
          EXPECT_TRUE(cv.wait_until(lock, conformance::skewed_clock::now() + 1h, mine));
      }
      ++turn;
      who == 0 ? cv.notify_one() : cv.notify_all();
    }
  };
  sut::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(turn, 600);
}

CONFORMANCE_TEST(ConditionVariable, MayGoOnceAllAreNotified) {
  for (int i = 0; i < 100; ++i) {
    sut::mutex m;
    auto cv = std::make_unique<condition_variable>();
    bool waits = false;
    bool go = false;
    sut::thread waiter([&m, &bare = *cv, &waits, &go] {
      lock_type lock(m);
      waits = true;
      while (!go) bare.wait(lock);
    });
    for (bool seen = false; !seen; sut::this_thread::yield()) {
      sut::lock_guard const guard(m);
      seen = waits;
    }
    {
      sut::lock_guard const guard(m);
      go = true;
      cv->notify_all();
      cv.reset();
    }
    waiter.join();
  }
}

CONFORMANCE_TEST(NotifyAllAtThreadExit, ComesAfterTheThreadsLocalsAreGone) {
  for (int i = 0; i < 50; ++i) {
    sut::mutex m;
    condition_variable cv;
    bool leaving = false;
    std::atomic<bool> gone{false};
    sut::thread other([&] {
      conformance::local<conformance::tells_when_it_goes>().gone = &gone;
      lock_type lock(m);
      leaving = true;
      sut::notify_all_at_thread_exit(cv, std::move(lock));
      EXPECT_FALSE(lock.owns_lock());
    });
    {
      lock_type lock(m);
      cv.wait(lock, [&leaving] { return leaving; });
      EXPECT_TRUE(gone.load());
    }
    other.join();
  }
}

}  // namespace
