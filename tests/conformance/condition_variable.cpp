#include <memory>
#include <mutex>
#include <utility>

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
static_assert(noexcept(std::declval<condition_variable&>().notify_one()));
static_assert(noexcept(std::declval<condition_variable&>().notify_all()));
static_assert(std::is_same_v<decltype(std::declval<condition_variable&>().wait_for(
                                 std::declval<lock_type&>(), 1s)),
                             cv_status>);
static_assert(std::is_same_v<decltype(std::declval<condition_variable&>().wait_for(
                                 std::declval<lock_type&>(), 1s, [] { return true; })),
                             bool>);

CONFORMANCE_TEST(ConditionVariable, TimesOutByEveryClockWithTheLockHeld) {
  sut::mutex m;
  condition_variable cv;
  lock_type lock(m);
  EXPECT_EQ(cv.wait_for(lock, -1h), cv_status::timeout);
  EXPECT_FALSE(cv.wait_for(lock, soon, [] { return false; }));
  EXPECT_TRUE(cv.wait_for(lock, soon, [] { return true; }));
  for_clocks(soon, [&](auto when) {
    while (cv.wait_until(lock, when) == cv_status::no_timeout) {
    }
    EXPECT_FALSE(cv.wait_until(lock, when, [] { return false; }));
  });
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

}  // namespace
