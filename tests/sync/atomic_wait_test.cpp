#include <ramie/sync/atomic_wait.hpp>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <vector>

#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sync/lock_checks.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::atomic_notify_all;
using ramie::atomic_notify_one;
using ramie::atomic_wait;
using ramie::spawn;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(AtomicWaitStress);

TEST(AtomicWait, ReturnsAtOnceIfTheValueDiffers) {
  std::atomic<int> value{1};
  atomic_wait(&value, 0);
  ramie::atomic_wait_explicit(&value, 2, std::memory_order_acquire);
  atomic_notify_one(&value);
  atomic_notify_all(&value);
}

TEST(AtomicWait, FlagsAreWaitedForToo) {
  ramie::test::on_one_worker([] {
    std::atomic_flag flag;
    atomic_wait(&flag, true);
    ramie::atomic_wait_explicit(&flag, true, std::memory_order_acquire);
    int woken = 0;
    std::vector<ramie::join_handle<void>> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.push_back(spawn([&] { atomic_wait(&flag, false), ++woken; }));
    }
    settle();
    atomic_notify_all(&flag);
    settle();
    EXPECT_EQ(woken, 0);
    flag.test_and_set();
    atomic_notify_one(&flag);
    settle();
    EXPECT_EQ(woken, 1);
    atomic_notify_all(&flag);
    settle();
    EXPECT_EQ(woken, 3);
    auto const interrupted = [&flag] { atomic_wait(&flag, true); };
    auto waiter = spawn(interrupted);
    settle();
    waiter.cancel();
    EXPECT_THROW(waiter.join(), ramie::cancelled);
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(interrupted(), ramie::timed_out);
  });
}

/// A fiber that waits until `atomic` is not 0 is let go by `notify` once it is 1.
template <class Atomic, class Set, class Wait, class Notify>
void expect_wake(Atomic& atomic, Set set, Wait wait, Notify notify) {
  auto waiter = spawn([&] { wait(atomic); });
  settle();
  EXPECT_FALSE(waiter.done());
  set(atomic);
  notify(atomic);
  waiter.join();
}

TEST(AtomicWait, FlagsHaveTheStandardsNames) {
  ramie::test::on_one_worker([] {
    auto const both = [](auto& flag) {
      auto const set = [](auto& f) { f.test_and_set(); };
      expect_wake(
          flag, set, [](auto& f) { ramie::atomic_flag_wait(&f, false); },
          [](auto& f) { ramie::atomic_flag_notify_one(&f); });
      flag.clear();
      expect_wake(
          flag, set,
          [](auto& f) { ramie::atomic_flag_wait_explicit(&f, false, std::memory_order_acquire); },
          [](auto& f) { ramie::atomic_flag_notify_all(&f); });
    };
    std::atomic_flag plain;
    both(plain);
    std::atomic_flag volatile shy;
    both(shy);
  });
}

TEST(AtomicWait, VolatileAtomicsAreWaitedForToo) {
  ramie::test::on_one_worker([] {
    std::atomic<int> volatile value{0};
    auto const set = [](auto& v) { v.store(1); };
    expect_wake(
        value, set, [](auto& v) { atomic_wait(&v, 0); }, [](auto& v) { atomic_notify_one(&v); });
    value.store(0);
    expect_wake(
        value, set, [](auto& v) { ramie::atomic_wait_explicit(&v, 0, std::memory_order_acquire); },
        [](auto& v) { atomic_notify_all(&v); });
  });
}

TEST(AtomicWait, GoesOnWhileTheValueIsAsItWas) {
  ramie::test::on_one_worker([] {
    std::atomic<int> value{0};
    auto waiter = spawn([&] { atomic_wait(&value, 0); });
    settle();
    atomic_notify_all(&value);
    settle();
    EXPECT_FALSE(waiter.done());
    value.store(1);
    settle();
    EXPECT_FALSE(waiter.done());  // Only a notification makes it look.
    atomic_notify_one(&value);
    waiter.join();
  });
}

TEST(AtomicWait, NotifyOneWakesOneAndNotifyAllTheRest) {
  ramie::test::on_one_worker([] {
    std::atomic<bool> value{false};
    int woken = 0;
    std::vector<ramie::join_handle<void>> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.push_back(spawn([&] { atomic_wait(&value, false), ++woken; }));
    }
    settle();
    value.store(true);
    atomic_notify_one(&value);
    settle();
    EXPECT_EQ(woken, 1);
    atomic_notify_all(&value);
    settle();
    EXPECT_EQ(woken, 3);
  });
}

// More atomics than there are places in the table: neighbours wake nobody else.
TEST(AtomicWait, AtomicsDoNotDisturbEachOther) {
  ramie::test::on_one_worker([] {
    std::vector<std::atomic<short>> values(2000);
    std::vector<ramie::join_handle<void>> waiters;
    for (auto& value : values)
      waiters.push_back(spawn([&value] { atomic_wait(&value, short{0}); }));
    settle();
    for (std::size_t i = values.size(); i-- > 0;) {
      values[i].store(1);
      atomic_notify_one(&values[i]);
      waiters[i].join();
    }
  });
}

TEST(AtomicWait, IsACancellationPoint) {
  ramie::test::on_one_worker([] {
    std::atomic<int> value{0};
    auto first = spawn([&] { atomic_wait(&value, 0); });
    settle();
    auto second = spawn([&] { atomic_wait(&value, 0); });
    settle();
    first.cancel();
    value.store(1);
    atomic_notify_one(&value);
    second.join();
    EXPECT_THROW(first.join(), ramie::cancelled);
  });
}

TEST(AtomicWait, ObeysTheDeadlineOfItsScope) {
  auto const wait = [] {
    std::atomic<int> value{0};
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(atomic_wait(&value, 0), ramie::timed_out);
    atomic_wait(&value, 1);  // It need not wait.
  };
  wait();
  ramie::test::on_one_worker(wait);
}

TEST_P(AtomicWaitStress, FibersAndThreadsTakeTurns) {
  run_it([] {
    constexpr int members = 4;
    std::atomic<int> turn{0};
    ramie::test::fibers_and_threads(members, [&](int who) {
      for (int i = 0; i < 1000; ++i) {
        for (int seen = 0; (seen = turn.load(std::memory_order_acquire)) % members != who;) {
          atomic_wait(&turn, seen);
        }
        turn.store(turn.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        atomic_notify_all(&turn);
      }
    });
    EXPECT_EQ(turn.load(), members * 1000);
  });
}

TEST_P(AtomicWaitStress, AFlagGoesToAndFro) {
  run_it([] {
    std::atomic_flag flag;
    ramie::test::fibers_and_threads(2, [&flag](int who) {
      bool const mine = who == 1;
      for (int i = 0; i < 1000; ++i) {
        ramie::atomic_wait_explicit(&flag, !mine, std::memory_order_acquire);
        if (mine) {
          flag.clear(std::memory_order_release);
        } else {
          flag.test_and_set(std::memory_order_release);
        }
        atomic_notify_one(&flag);
      }
    });
    EXPECT_FALSE(flag.test());
  });
}

std::shared_ptr<std::atomic<int>> zero() {
  return std::make_shared<std::atomic<int>>(0);
}

void change(std::atomic<int>& value) {
  value.store(1, std::memory_order_release);  // before the end of the atomic, for its owner
}

TEST_P(AtomicWaitStress, ANotifierNeedsOnlyTheAddress) {
  run_it([] {
    ramie::test::destroy_as_soon_as_woken(
        &zero, [](auto& value) { change(value), atomic_notify_one(&value); },
        [](auto& value) { atomic_wait(&value, 0); });
  });
}

TEST(AtomicWaitStress, ANotifierNeedsOnlyTheAddressBetweenThreads) {
  ramie::test::destroy_while_the_waker_leaves(
      &zero, [](auto& value) { change(value), atomic_notify_one(&value); },
      [](auto& value) { atomic_wait(&value, 0); });
}

// Threads, and fibers of a runtime that does not end with the program, may wait when it does.
TEST(AtomicWait, AProgramMayEndBesideIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ramie::set_lock_checks(true);
        static auto& here = *new ramie::runtime({.workers = 1});
        static std::atomic<int> value{0};
        here.run([] {
          ramie::spawn([] { atomic_wait(&value, 0); }).detach();
          ramie::test::settle();
        });
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
