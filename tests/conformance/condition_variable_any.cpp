#include <atomic>
#include <concepts>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <stop_token>
#include <utility>
#include <vector>

#include "sut.hpp"

namespace {

using conformance::for_clocks;
using conformance::soon;
using namespace std::chrono_literals;
using cv_any = sut::condition_variable_any;
using sut::cv_status;

static_assert(conformance::stays_where_it_is<cv_any>);
static_assert(std::is_default_constructible_v<cv_any>);

/// The least that a lock can be.
struct basic_lock {
  sut::recursive_mutex inner;
  int locked = 0;

  void lock() {
    inner.lock();
    ++locked;
  }
  void unlock() {
    --locked;
    inner.unlock();
  }
};

bool never() {
  return false;
}

static_assert(requires(cv_any cv, basic_lock lock, sut::stop_token stop,
                       conformance::skewed_clock clock) {
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
  { cv.wait(lock, stop, never) } -> std::same_as<bool>;
  { cv.wait_for(lock, stop, 1s, never) } -> std::same_as<bool>;
  { cv.wait_until(lock, stop, clock.now(), never) } -> std::same_as<bool>;
});

CONFORMANCE_TEST(ConditionVariableAny, TimesOutByEveryClockWithTheLockHeld) {
  basic_lock lock;
  cv_any cv;
  lock.lock();
  EXPECT_EQ(cv.wait_for(lock, -1h), cv_status::timeout);
  EXPECT_FALSE(cv.wait_for(lock, soon, never));
  EXPECT_FALSE(cv.wait_for(lock, sut::stop_token(), soon, never));
  for_clocks(soon, [&](auto when) {
    while (cv.wait_until(lock, when) == cv_status::no_timeout) {
    }
    EXPECT_FALSE(cv.wait_until(lock, when, never));
    EXPECT_FALSE(cv.wait_until(lock, sut::stop_token(), when, never));
  });
  EXPECT_EQ(lock.locked, 1);
  lock.unlock();
}

CONFORMANCE_TEST(ConditionVariableAny, WakesReaders) {
  sut::shared_mutex m;
  cv_any cv;
  bool ready = false;
  std::atomic<int> woken{0};
  std::vector<sut::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&, i] {
      sut::shared_lock lock(m);
      if (i % 2 == 0) {
        cv.wait(lock, [&] { return ready; });
      } else {
        while (!ready) cv.wait(lock);
      }
      ++woken;
    });
  }
  {
    sut::lock_guard const guard(m);
    ready = true;
  }
  cv.notify_all();
  for (auto& each : readers) each.join();
  EXPECT_EQ(woken.load(), 4);
}

CONFORMANCE_TEST(ConditionVariableAny, EndsWhenAStopIsRequested) {
  sut::mutex m;
  cv_any cv;
  sut::stop_source source;
  std::vector<sut::thread> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&, i] {
      sut::unique_lock lock(m);
      switch (i) {
        case 0:
          EXPECT_FALSE(cv.wait(lock, source.get_token(), never));
          break;
        case 1:
          EXPECT_FALSE(cv.wait_for(lock, source.get_token(), 1h, never));
          break;
        default:
          EXPECT_FALSE(cv.wait_until(lock, source.get_token(),
                                     conformance::skewed_clock::now() + 1h, never));
      }
      EXPECT_TRUE(lock.owns_lock());
    });
  }
  source.request_stop();
  for (auto& each : waiters) each.join();
  sut::unique_lock lock(m);
  EXPECT_TRUE(cv.wait(lock, source.get_token(), [] { return true; }));
}

CONFORMANCE_TEST(ConditionVariableAny, PassesTurnsOn) {
  basic_lock m;
  cv_any cv;
  int turn = 0;
  auto const play = [&](int who) {
    for (int i = 0; i < 300; ++i) {
      sut::unique_lock lock(m);
      auto const mine = [&] { return turn % 2 == who; };
      switch (i % 4) {
        case 0:
          while (!mine()) cv.wait(lock);
          break;
        case 1:
          while (!mine()) {
            EXPECT_EQ(cv.wait_for(lock, 1h), cv_status::no_timeout);
          }
          break;
        case 2:
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

CONFORMANCE_TEST(ConditionVariableAny, APredicatesExceptionLeavesTheLockHeld) {
  basic_lock lock;
  cv_any cv;
  lock.lock();
  auto const fails = []() -> bool { throw std::runtime_error("predicate"); };
  EXPECT_THROW(cv.wait(lock, fails), std::runtime_error);
  EXPECT_THROW(cv.wait(lock, sut::stop_token(), fails), std::runtime_error);
  EXPECT_EQ(lock.locked, 1);
  lock.unlock();
}

CONFORMANCE_TEST(ConditionVariableAny, MayGoOnceAllAreNotified) {
  for (int i = 0; i < 100; ++i) {
    sut::mutex m;
    auto cv = std::make_unique<cv_any>();
    bool waits = false;
    bool go = false;
    sut::thread waiter([&m, &bare = *cv, &waits, &go] {
      sut::unique_lock lock(m);
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

CONFORMANCE_TEST(ConditionVariableAny, AStopThatWasRequestedBeforeEndsItAtOnce) {
  basic_lock lock;
  cv_any cv;
  sut::stop_source source;
  source.request_stop();
  lock.lock();
  int asked = 0;
  auto const holds = [&asked](bool answer) { return [&asked, answer] { return ++asked, answer; }; };
  EXPECT_FALSE(cv.wait(lock, source.get_token(), holds(false)));
  EXPECT_TRUE(cv.wait(lock, source.get_token(), holds(true)));
  EXPECT_FALSE(cv.wait_for(lock, source.get_token(), 1h, holds(false)));
  for_clocks(1h, [&](auto when) {
    EXPECT_TRUE(cv.wait_until(lock, source.get_token(), when, holds(true)));
  });
  EXPECT_EQ(asked, 7);
  EXPECT_EQ(lock.locked, 1);
  lock.unlock();
}

CONFORMANCE_TEST(ConditionVariableAny, AJthreadsEndStopsItsWait) {
  sut::mutex m;
  cv_any cv;
  std::atomic<bool> ended{false};
  {
    sut::jthread const waiter([&](sut::stop_token stop) {
      sut::unique_lock lock(m);
      ended.store(!cv.wait(lock, std::move(stop), never));
    });
  }
  EXPECT_TRUE(ended.load());
}

}  // namespace
