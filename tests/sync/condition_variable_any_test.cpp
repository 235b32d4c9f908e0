#include <ramie/sync/condition_variable_any.hpp>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <stdexcept>
#include <stop_token>
#include <vector>

#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/jthread.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/shared_mutex.hpp>

#include "../sched/any_time.hpp"
#include "../support/fibers.hpp"

namespace {

using ramie::condition_variable_any;
using ramie::spawn;
using ramie::test::forever;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(ConditionVariableAnyStress);

/// A lock whose unlock waits for other fibers and can be made to throw.
struct strange_lock {
  ramie::mutex inner;
  bool throws = false;

  void lock() { inner.lock(); }
  void unlock() {
    if (throws) throw std::runtime_error("unlock");
    inner.unlock();
    ramie::this_fiber::sleep_for(std::chrono::microseconds(1));
  }
};

TEST(ConditionVariableAny, WakesReadersOfASharedMutex) {
  ramie::test::on_one_worker([] {
    ramie::shared_mutex m;
    condition_variable_any cv;
    bool ready = false;
    int woken = 0;
    std::vector<ramie::join_handle<void>> readers;
    for (int i = 0; i < 3; ++i) {
      readers.push_back(spawn([&] {
        std::shared_lock lock(m);
        cv.wait(lock, [&] { return ready; });
        ++woken;
      }));
    }
    settle();
    cv.notify_all();
    settle();
    EXPECT_EQ(woken, 0);
    {
      std::lock_guard const guard(m);
      ready = true;
    }
    cv.notify_one();
    settle();
    EXPECT_EQ(woken, 1);
    cv.notify_all();
    for (auto& each : readers) each.join();
    EXPECT_EQ(woken, 3);
  });
}

// The notification comes between the wait's beginning and its park.
TEST(ConditionVariableAny, ANotificationDuringTheUnlockIsNotLost) {
  ramie::test::on_one_worker([] {
    for (bool const all : {false, true}) {
      strange_lock lock;
      condition_variable_any cv;
      lock.lock();
      auto notifier = spawn([&] {
        lock.inner.lock();  // free as soon as the wait has begun
        all ? cv.notify_all() : cv.notify_one();
        lock.inner.unlock();
      });
      settle();
      cv.wait(lock);
      lock.inner.unlock();
      notifier.join();
    }
  });
}

TEST(ConditionVariableAny, AnUnlockThatThrowsEndsTheWait) {
  strange_lock lock;
  condition_variable_any cv;
  lock.lock();
  lock.throws = true;
  EXPECT_THROW(cv.wait(lock), std::runtime_error);
  cv.notify_one();
  EXPECT_FALSE(lock.inner.try_lock());
  lock.inner.unlock();
}

TEST(ConditionVariableAny, TakesEveryTime) {
  ramie::test::on_one_worker([] {
    ramie::test::for_times_that_have_come([](auto when) {
      ramie::mutex m;
      condition_variable_any cv;
      std::unique_lock lock(m);
      if constexpr (ramie::test::is_duration<decltype(when)>) {
        EXPECT_EQ(cv.wait_for(lock, when), std::cv_status::timeout);
        EXPECT_FALSE(cv.wait_for(lock, when, [] { return false; }));
        EXPECT_TRUE(cv.wait_for(lock, std::stop_token(), when, [] { return true; }));
      } else {
        EXPECT_EQ(cv.wait_until(lock, when), std::cv_status::timeout);
        EXPECT_FALSE(cv.wait_until(lock, when, [] { return false; }));
        EXPECT_FALSE(cv.wait_until(lock, std::stop_token(), when, [] { return false; }));
      }
    });
    ramie::test::for_times_that_never_come([](auto when) {
      ramie::mutex m;
      condition_variable_any cv;
      auto waiter = spawn([&] {
        std::unique_lock lock(m);
        if constexpr (ramie::test::is_duration<decltype(when)>) {
          return cv.wait_for(lock, when);
        } else {
          return cv.wait_until(lock, when);
        }
      });
      settle();
      EXPECT_FALSE(waiter.done());
      cv.notify_one();
      EXPECT_EQ(waiter.join(), std::cv_status::no_timeout);
    });
  });
}

TEST(ConditionVariableAny, ARequestToStopEndsTheWaitsThatKnowTheToken) {
  ramie::test::on_one_worker([] {
    ramie::mutex m;
    condition_variable_any cv;
    std::stop_source source;
    auto const never = [] { return false; };
    auto untimed = spawn([&] {
      std::unique_lock lock(m);
      return cv.wait(lock, source.get_token(), never);
    });
    auto timed = spawn([&] {
      std::unique_lock lock(m);
      return cv.wait_for(lock, source.get_token(), forever, never);
    });
    auto stranger = spawn([&] {
      std::unique_lock lock(m);
      cv.wait(lock);
    });
    settle();
    cv.notify_all();  // Those with a predicate go on.
    settle();
    EXPECT_TRUE(stranger.done());
    EXPECT_FALSE(untimed.done() || timed.done());
    source.request_stop();
    EXPECT_FALSE(untimed.join());
    EXPECT_FALSE(timed.join());
    std::unique_lock lock(m);
    EXPECT_FALSE(cv.wait(lock, source.get_token(), never));
    EXPECT_TRUE(cv.wait(lock, source.get_token(), [] { return true; }));
  });
}

TEST(ConditionVariableAny, AJthreadsDestructorEndsItsWait) {
  ramie::test::on_one_worker([] {
    ramie::mutex m;
    condition_variable_any cv;
    bool result = true;
    {
      ramie::jthread const waiter([&](std::stop_token stop) {
        std::unique_lock lock(m);
        result = cv.wait(lock, std::move(stop), [] { return false; });
      });
      settle();
    }
    EXPECT_FALSE(result);
  });
}

TEST(ConditionVariableAny, CancellationEndsTheWaitWithTheLockHeld) {
  ramie::test::on_one_worker([] {
    ramie::mutex m;
    condition_variable_any cv;
    bool held = false;
    auto const wait = [&] {
      std::unique_lock lock(m);
      try {
        cv.wait(lock);
      } catch (ramie::cancelled const&) {
        held = lock.owns_lock() && !m.try_lock();
        throw;
      }
    };
    auto first = spawn(wait);
    settle();
    auto second = spawn(wait);
    settle();
    first.cancel();
    cv.notify_one();
    second.join();
    EXPECT_THROW(first.join(), ramie::cancelled);
    EXPECT_TRUE(held);
  });
}

TEST(ConditionVariableAny, ObeysTheDeadlineOfItsScope) {
  auto const wait = [] {
    ramie::mutex m;
    condition_variable_any cv;
    std::unique_lock lock(m);
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(cv.wait(lock), ramie::timed_out);
    EXPECT_THROW(cv.wait_for(lock, forever), ramie::timed_out);
    EXPECT_TRUE(lock.owns_lock());
  };
  wait();
  ramie::test::on_one_worker(wait);
}

TEST_P(ConditionVariableAnyStress, QueueBetweenFibersAndThreads) {
  run_it([] {
    ramie::shared_mutex m;
    condition_variable_any changed;
    std::deque<int> queue;
    long sum = 0;
    constexpr int each = 1'000;
    ramie::test::fibers_and_threads(8, [&](int who) {
      for (int i = 0; i < each; ++i) {
        std::unique_lock lock(m);
        if (who < 4) {
          changed.wait(lock, [&] { return queue.size() < 4; });
          queue.push_back(i);
        } else {
          changed.wait(lock, [&] { return !queue.empty(); });
          sum += queue.front();
          queue.pop_front();
        }
        changed.notify_all();
      }
    });
    EXPECT_EQ(sum, 4L * each * (each - 1) / 2);
  });
}

// Notified, stopped and out of time at once; the notifier destroys it.
TEST_P(ConditionVariableAnyStress, MayBeDestroyedOnceAllAreNotified) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    std::mt19937 random(seed);
    for (int i = 0; i < 300; ++i) {
      ramie::mutex m;
      auto cv = std::make_unique<condition_variable_any>();
      condition_variable_any& bare = *cv;
      std::stop_source source;
      int waiting = 0;
      int over = 0;
      std::vector<ramie::join_handle<void>> waiters;
      for (int w = 0; w < 3; ++w) {
        auto const timeout = std::chrono::microseconds(random() % 100);
        waiters.push_back(spawn([&, timeout] {
          std::unique_lock lock(m);
          ++waiting;
          bool looked = false;
          auto const second_look = [&looked, &over] {
            over += looked;
            return std::exchange(looked, true);
          };
          bare.wait_for(lock, source.get_token(), timeout, second_look);
        }));
      }
      for (bool all = false; !all; ramie::this_fiber::yield()) {
        std::lock_guard const guard(m);
        all = waiting == 3;
      }
      auto stopper = spawn([&] { source.request_stop(); });
      bare.notify_all();
      cv.reset();
      stopper.join();
      for (auto& waiter : waiters) waiter.join();
      EXPECT_EQ(over, 3);
    }
  });
}

}  // namespace
