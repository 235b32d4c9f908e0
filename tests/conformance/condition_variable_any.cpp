#include <mutex>
#include <shared_mutex>
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
static_assert(noexcept(std::declval<cv_any&>().notify_one()));
static_assert(noexcept(std::declval<cv_any&>().notify_all()));

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
