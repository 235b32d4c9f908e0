#include <ramie/sync/condition_variable.hpp>

#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <system_error>
#include <vector>

#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::test::forever;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(ConditionVariableStress);

/// A clock that only the test moves.
struct manual_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<manual_clock>;
  [[maybe_unused]] static constexpr bool is_steady = false;
  static inline std::atomic<int> looks{0};
  /// Two hours until the wait begins; then nothing is left.
  static time_point now() { return time_point(std::chrono::hours(looks.fetch_add(1) * 2)); }
};

struct shared_state {
  ramie::mutex m;
  ramie::condition_variable cv;
  int woken = 0;

  ramie::join_handle<void> waiter() {
    return spawn([this] {
      std::unique_lock lock(m);
      cv.wait(lock);
      EXPECT_TRUE(lock.owns_lock());
      ++woken;
    });
  }
};

TEST(ConditionVariable, NotifyOneWakesOneWaiter) {
  ramie::test::on_one_worker([] {
    shared_state s;
    auto a = s.waiter();
    auto b = s.waiter();
    settle();
    s.cv.notify_one();
    settle();
    EXPECT_EQ(s.woken, 1);
    s.cv.notify_one();
    settle();
    EXPECT_EQ(s.woken, 2);
    s.cv.notify_one();  // Nobody waits: nothing is remembered.
    auto c = s.waiter();
    settle();
    EXPECT_EQ(s.woken, 2);
    s.cv.notify_all();
    c.join();
  });
}

TEST(ConditionVariable, NotifyAllWakesEveryWaiter) {
  ramie::test::on_one_worker([] {
    shared_state s;
    std::vector<ramie::join_handle<void>> waiters;
    for (int i = 0; i < 5; ++i) waiters.push_back(s.waiter());
    settle();
    s.cv.notify_all();
    settle();
    EXPECT_EQ(s.woken, 5);
  });
}

TEST(ConditionVariable, TimedWaitsReportTheirTimeOut) {
  ramie::mutex m;
  ramie::condition_variable cv;
  std::unique_lock lock(m);
  EXPECT_EQ(cv.wait_for(lock, soon), std::cv_status::timeout);
  EXPECT_EQ(cv.wait_for(lock, -forever), std::cv_status::timeout);
  auto const past = std::chrono::system_clock::now() - forever;
  EXPECT_EQ(cv.wait_until(lock, past), std::cv_status::timeout);
  EXPECT_EQ(cv.wait_until(lock, std::chrono::steady_clock::time_point{}), std::cv_status::timeout);
  EXPECT_FALSE(cv.wait_for(lock, soon, [] { return false; }));
  EXPECT_TRUE(cv.wait_for(lock, std::chrono::hours::max(), [] { return true; }));
  EXPECT_TRUE(lock.owns_lock());
}

TEST(ConditionVariable, ATimedWaitAsksItsOwnClock) {
  ramie::test::on_one_worker([] {
    shared_state s;
    manual_clock::looks = 0;
    auto waiter = spawn([&] {
      std::unique_lock lock(s.m);
      return s.cv.wait_until(lock, manual_clock::time_point(std::chrono::hours(1)));
    });
    settle();
    EXPECT_FALSE(waiter.done());
    s.cv.notify_one();  // Notified, whatever the clock says by then.
    EXPECT_EQ(waiter.join(), std::cv_status::no_timeout);
  });
}

TEST(ConditionVariable, CancellationEndsTheWaitWithTheLockHeld) {
  ramie::test::on_one_worker([] {
    shared_state s;
    bool held = false;
    auto waiter = spawn([&] {
      std::unique_lock lock(s.m);
      try {
        s.cv.wait(lock);
      } catch (ramie::cancelled const&) {
        held = lock.owns_lock() && !s.m.try_lock();
        throw;
      }
    });
    settle();
    waiter.cancel();
    EXPECT_THROW(waiter.join(), ramie::cancelled);
    EXPECT_TRUE(held);
  });
}

TEST(ConditionVariable, ACancelledWaiterDoesNotTakeANotification) {
  ramie::test::on_one_worker([] {
    shared_state s;
    auto first = s.waiter();
    settle();
    auto second = s.waiter();
    settle();
    first.cancel();
    s.cv.notify_one();
    second.join();
    EXPECT_EQ(s.woken, 1);
    EXPECT_THROW(first.join(), ramie::cancelled);
  });
}

TEST(ConditionVariable, WaitingWithoutTheLockIsAnError) {
  ramie::mutex m;
  ramie::condition_variable cv;
  std::unique_lock lock(m, std::defer_lock);
  try {
    cv.wait(lock);
    ADD_FAILURE();
  } catch (std::system_error const& error) {
    EXPECT_EQ(error.code(), std::errc::operation_not_permitted);
  }
}

TEST_P(ConditionVariableStress, QueueBetweenFibersAndThreads) {
  run_it([] {
    ramie::mutex m;
    ramie::condition_variable not_empty;
    ramie::condition_variable not_full;
    std::deque<int> queue;
    long sum = 0;
    constexpr int each = 2'000;
    ramie::test::fibers_and_threads(8, [&](int who) {
      for (int i = 0; i < each; ++i) {
        std::unique_lock lock(m);
        if (who < 4) {
          not_full.wait(lock, [&] { return queue.size() < 4; });
          queue.push_back(i);
          not_empty.notify_one();
        } else {
          not_empty.wait(lock, [&] { return !queue.empty(); });
          sum += queue.front();
          queue.pop_front();
          not_full.notify_one();
        }
      }
    });
    EXPECT_EQ(sum, 4L * each * (each - 1) / 2);
  });
}

TEST_P(ConditionVariableStress, MayBeDestroyedOnceAllAreNotified) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    std::mt19937 random(seed);
    for (int i = 0; i < 500; ++i) {
      ramie::mutex m;
      auto cv = std::make_unique<ramie::condition_variable>();
      ramie::condition_variable& bare = *cv;
      int waiting = 0;
      std::vector<ramie::join_handle<void>> waiters;
      for (int w = 0; w < 3; ++w) {
        auto const timeout = std::chrono::microseconds(random() % 100);
        waiters.push_back(spawn([&, timeout] {
          std::unique_lock lock(m);
          ++waiting;
          bare.wait_for(lock, timeout);  // Runs out as it is notified, now and then.
        }));
      }
      for (bool all = false; !all; ramie::this_fiber::yield()) {
        std::lock_guard const guard(m);
        all = waiting == 3;
      }
      bare.notify_all();
      cv.reset();
      for (auto& waiter : waiters) waiter.join();
    }
  });
}

// The timer has ended a wait, but its fiber has not run yet: it is still on its way out of the
// variable when that is destroyed.
TEST(ConditionVariable, ItsDestructorWaitsForThoseWhoseTimeHasRunOut) {
  ramie::runtime rt({.workers = 1});
  rt.run([&rt] {
    bool end = false;
    std::vector<ramie::join_handle<void>> others;  // so that whoever yields is not the next to run
    for (int i = 0; i < 7; ++i) {
      others.push_back(spawn([&end] {
        while (!end) ramie::this_fiber::yield();
      }));
    }
    int met = 0;
    for (int round = 0; round < 1000 && met < 3; ++round) {
      ramie::mutex m;
      auto cv = std::make_unique<ramie::condition_variable>();
      ramie::condition_variable& bare = *cv;
      bool returned = false;
      auto const fired = rt.metrics().timers_fired;
      auto waiter = spawn([&] {
        std::unique_lock lock(m);
        bare.wait_for(lock, std::chrono::microseconds(50));
        returned = true;
      });
      // No timer is set if the time has run out before the waiter parks.
      while (rt.metrics().timers_fired == fired && !returned) ramie::this_fiber::yield();
      if (!returned) ++met;
      bare.notify_all();
      cv.reset();
      waiter.join();
    }
    end = true;
    for (auto& each : others) each.join();
    EXPECT_EQ(met, 3) << "the timer was never seen before the waiter ran";
  });
}

}  // namespace
