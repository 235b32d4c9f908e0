#include <ramie/sched/park.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <utility>

#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/workers.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

class Park : public testing::TestWithParam<unsigned> {
 protected:
  runtime runtime_{runtime_options{.workers = GetParam()}};
};

INSTANTIATE_TEST_SUITE_P(Workers, Park, testing::ValuesIn(test::worker_counts()));

TEST_P(Park, RemembersAnUnparkThatCameFirst) {
  auto const body = [] {
    waiter self;
    EXPECT_TRUE(self.unpark());
    EXPECT_EQ(self.park({"test"}), wake::unparked);
  };
  body();  // a plain thread
  runtime_.run(body);
}

TEST_P(Park, LetsOneClaimWin) {
  auto const body = [] {
    waiter self;
    EXPECT_TRUE(self.claim());
    EXPECT_FALSE(self.claim(wake::cancelled));
    EXPECT_FALSE(self.unpark());
    self.resume();
    EXPECT_EQ(self.park({"test"}), wake::unparked);
    EXPECT_FALSE(self.claim());
  };
  body();
  runtime_.run(body);
}

TEST_P(Park, TimesOut) {
  auto const body = [] {
    auto const begun = clock::now();
    waiter self;
    EXPECT_EQ(self.park_until({"test"}, begun + 2ms), wake::timed_out);
    EXPECT_GE(clock::now(), begun + 2ms);
    EXPECT_FALSE(self.claim());
  };
  body();
  runtime_.run(body);
}

TEST_P(Park, TimesOutAtOnceInThePast) {
  auto const body = [] {
    for (auto when : {clock::time_point::min(), clock::time_point{}, clock::now() - 1s}) {
      waiter self;
      EXPECT_EQ(self.park_until({"test"}, when), wake::timed_out);
    }
  };
  body();
  runtime_.run(body);
}

TEST_P(Park, IsEndedFromAnyThread) {
  auto const body = [] {
    waiter self;
    std::thread other([&] { EXPECT_TRUE(self.unpark()); });
    EXPECT_EQ(self.park({"test"}), wake::unparked);
    other.join();
  };
  body();
  runtime_.run(body);
}

TEST_P(Park, DoesNotReturnBeforeTheWinnerResumes) {
  runtime_.run([] {
    std::atomic<bool> resumed{false};
    waiter self;
    auto other = spawn([&] {
      ASSERT_TRUE(self.claim());
      for (int i = 0; i < 10; ++i) this_fiber::yield();
      resumed = true;
      self.resume();
    });
    EXPECT_EQ(self.park({"test"}), wake::unparked);
    EXPECT_TRUE(resumed);
    other.join();
  });
}

TEST_P(Park, IsEndedByCancellation) {
  std::atomic<bool> parked{false};
  auto handle = runtime_.spawn([&] {
    waiter self;
    parked = true;
    EXPECT_EQ(self.park({"test"}), wake::cancelled);
    // Sticky: the next wait ends at once too.
    waiter again;
    EXPECT_EQ(again.park({"test"}), wake::cancelled);
  });
  while (!parked.load()) std::this_thread::yield();
  handle.cancel();
  handle.join();
}

TEST_P(Park, IsNotEndedByCancellationWhenUninterruptible) {
  waiter* volatile published = nullptr;
  std::atomic<bool> parked{false};
  auto handle = runtime_.spawn([&] {
    waiter self;
    published = &self;
    parked = true;
    EXPECT_EQ(self.park({"test"}, interruptible::no), wake::unparked);
  });
  while (!parked.load()) std::this_thread::yield();
  handle.cancel();
  EXPECT_TRUE(published->unpark());
  handle.join();
}

TEST_P(Park, IsNotCancelledWhileAnExceptionUnwinds) {
  std::atomic<bool> unwinding{false};
  waiter* volatile published = nullptr;
  wake outcome = wake::cancelled;
  auto handle = runtime_.spawn([&] {
    struct waits {
      waiter* volatile& where;
      std::atomic<bool>& there;
      wake& outcome;
      ~waits() {
        waiter self;
        where = &self;
        there = true;
        outcome = self.park({"test"});
      }
    };
    try {
      waits const at_end{published, unwinding, outcome};
      throw 1;
    } catch (int) {
    }
  });
  while (!unwinding.load()) std::this_thread::yield();
  handle.cancel();
  EXPECT_TRUE(published->unpark());
  handle.join();
  EXPECT_EQ(outcome, wake::unparked);
}

// A waker inside, one outside and a time-out race for every wait of one fiber; the next wait begins
// at once, and must not feel a late one of the last.
TEST_P(Park, HasOneWinnerPerWait) {
  unsigned const seed = test::test_seed();
  SCOPED_TRACE(seed);
  constexpr int rounds = 3000;
  detail::tiny_lock lock;
  waiter* published = nullptr;  // under the lock
  int wins = 0;                 // under the lock
  std::atomic<bool> done{false};
  auto const wake_it = [&] {
    lock.lock();
    waiter* const found = std::exchange(published, nullptr);
    bool const won = found != nullptr && found->claim();
    wins += won ? 1 : 0;
    lock.unlock();
    if (won) found->resume();
  };
  std::thread outside([&] {
    while (!done.load()) wake_it();
  });
  runtime_.run([&] {
    auto inside = spawn([&] {
      while (!done.load()) {
        wake_it();
        this_fiber::yield();
      }
    });
    std::mt19937 random(seed);
    int unparked = 0;
    for (int i = 0; i < rounds; ++i) {
      waiter self;
      lock.lock();
      published = &self;
      lock.unlock();
      wake const how =
          self.park_until({"race"}, clock::now() + std::chrono::microseconds(random() % 60));
      if (how == wake::unparked) ++unparked;
      lock.lock();
      published = nullptr;
      EXPECT_EQ(wins, unparked);
      lock.unlock();
    }
    done = true;
    inside.join();
  });
  outside.join();
}

}  // namespace
}  // namespace ramie
