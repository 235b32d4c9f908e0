// What the scheduler promises about order, fairness and work conservation. Every test here waits
// for events, without a limit of its own: what is promised happens, or the test hangs and CTest
// ends it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include <ramie/sched/park.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/workers.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;

// Computes, as far as the scheduler can tell: the fiber never lets go of its worker.
void compute_until(std::atomic<bool> const& done) {
  while (!done.load(std::memory_order_acquire)) std::this_thread::yield();
}

// --- no idle worker beside runnable work; with one worker there is none

class WorkConservation : public testing::TestWithParam<unsigned> {};

std::vector<unsigned> several_workers() {
  std::vector<unsigned> counts = test::worker_counts();
  counts.erase(counts.begin());
  for (unsigned& each : counts) each = std::max(each, 2U);
  return counts;
}

INSTANTIATE_TEST_SUITE_P(SeveralWorkers, WorkConservation, testing::ValuesIn(several_workers()));

TEST_P(WorkConservation, ASpawnedFiberRunsBesideABusyOne) {
  run({.workers = GetParam()}, [] {
    for (int i = 0; i < 100; ++i) {
      std::atomic<bool> done{false};
      auto other = spawn([&] { done = true; });
      compute_until(done);
      other.join();
    }
  });
}

TEST_P(WorkConservation, AWokenFiberRunsBesideItsBusyWaker) {
  run({.workers = GetParam()}, [] {
    for (int i = 0; i < 100; ++i) {
      std::atomic<bool> done{false};
      std::atomic<waiter*> parked{nullptr};
      auto other = spawn([&] {
        waiter self;
        parked = &self;
        self.park({"test"});
        done = true;
      });
      while (parked.load() == nullptr) this_fiber::yield();
      parked.load()->unpark(placement::next);  // the run-next slot of a worker that computes
      compute_until(done);
      other.join();
    }
  });
}

TEST_P(WorkConservation, AnInboxIsServedBesideABusyWorker) {
  runtime here({.workers = GetParam()});
  here.run([&] {
    for (int i = 0; i < 100; ++i) {
      std::atomic<bool> done{false};
      std::thread outside([&] { here.post([&] { done = true; }); });
      compute_until(done);
      outside.join();
    }
  });
}

TEST_P(WorkConservation, ATimerFiresBesideABusyWorker) {
  run({.workers = GetParam()}, [] {
    for (int i = 0; i < 20; ++i) {
      std::atomic<bool> done{false};
      std::atomic<bool> asleep{false};
      auto sleeper = spawn([&] {
        asleep = true;
        this_fiber::sleep_for(200us);
        done = true;
      });
      while (!asleep.load()) this_fiber::yield();
      compute_until(done);
      sleeper.join();
    }
  });
}

TEST_P(WorkConservation, EveryWorkerHelps) {
  unsigned const workers = GetParam();
  run({.workers = workers}, [&] {
    std::atomic<unsigned> together{0};
    std::atomic<bool> all{false};
    std::vector<join_handle<void>> fibers;
    for (unsigned i = 0; i < workers; ++i) {
      fibers.push_back(spawn([&] {
        if (++together == workers) all = true;
        compute_until(all);  // only if each is on a worker of its own
      }));
    }
    for (auto& each : fibers) each.join();
  });
}

// The thieves compute, too: each has stolen once, and the rings are full, before anything runs.
TEST_P(WorkConservation, WhatOverflowedRunsBesideABusyWorker) {
  run({.workers = GetParam()}, [] {
    constexpr int count = 5000;
    std::atomic<bool> all_spawned{false};
    std::atomic<bool> all_ran{false};
    std::atomic<int> ran{0};
    std::vector<join_handle<void>> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(spawn([&] {
        compute_until(all_spawned);
        if (ran.fetch_add(1) + 1 == count) all_ran = true;
      }));
    }
    all_spawned = true;
    compute_until(all_ran);
    for (auto& each : all) each.join();
  });
}

// --- fairness

class Fairness : public testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(Workers, Fairness, testing::ValuesIn(test::worker_counts()));

// Wakes the other one of a pair, by the run-next slot, and parks until that wakes it.
class relay {
 public:
  void pass(int me) {
    waiter self;
    waiting_[me].store(&self);
    if (waiter* const other = waiting_[1 - me].exchange(nullptr)) other->unpark(placement::next);
    if (stop_.load()) {
      if (waiter* const mine = waiting_[me].exchange(nullptr)) mine->unpark();
    }
    self.park({"relay"});
  }
  void stop() {
    stop_ = true;
    for (auto& each : waiting_) {
      if (waiter* const found = each.exchange(nullptr)) found->unpark();
    }
  }
  bool stopped() const { return stop_.load(); }

 private:
  std::atomic<waiter*> waiting_[2]{};
  std::atomic<bool> stop_{false};
};

TEST_P(Fairness, TwoThatWakeEachOtherDoNotStarveTenThousand) {
  run({.workers = GetParam()}, [] {
    relay pair;
    auto const run_relay = [&](int me) {
      while (!pair.stopped()) pair.pass(me);
    };
    auto a = spawn(run_relay, 0);
    auto b = spawn(run_relay, 1);
    std::vector<join_handle<void>> others;
    for (int i = 0; i < 10'000; ++i) others.push_back(spawn([] { this_fiber::yield(); }));
    for (auto& each : others) each.join();
    pair.stop();
    a.join();
    b.join();
  });
}

// The oldest of the fibers that never ran has its turn although newer ones never end.
TEST_P(Fairness, AStreamOfNewFibersDoesNotStarveTheOldest) {
  run({.workers = GetParam()}, [] {
    std::atomic<bool> oldest_ran{false};
    std::atomic<int> streams{0};
    auto oldest = spawn([&] { oldest_ran = true; });
    std::function<void()> stream = [&] {
      if (oldest_ran.load()) {
        --streams;
        return;
      }
      spawn(stream).detach();
    };
    streams = 2;
    for (int i = 0; i < 2; ++i) spawn(stream).detach();
    while (streams.load() != 0) this_fiber::yield();
    oldest.join();
  });
}

TEST_P(Fairness, AFullyLoadedWorkerLooksAtItsInboxAndTimers) {
  runtime here({.workers = GetParam()});
  here.run([&] {
    std::atomic<bool> posted{false};
    std::atomic<bool> woken{false};
    std::vector<join_handle<void>> busy;
    for (int i = 0; i < 10; ++i) {
      busy.push_back(spawn([&] {
        while (!posted.load() || !woken.load()) this_fiber::yield();
      }));
    }
    auto sleeper = spawn([&] {
      this_fiber::sleep_for(1ms);
      woken = true;
    });
    std::thread outside([&] { here.post([&] { posted = true; }); });
    for (auto& each : busy) each.join();
    sleeper.join();
    outside.join();
  });
}

// The monitor asks for a look when there was none for some ticks. A stretch takes longer than that,
// so that one or two lie between a post and the look at it; without the monitor it would be 61.
TEST(FairnessOfLongStretches, BusyWorkersLookAtTheirInboxBetweenThem) {
  constexpr int rounds = 5;
  constexpr int workers = 2;
  runtime here({.workers = workers});
  std::atomic<bool> end{false};
  std::atomic<int> stretches{0};
  std::vector<join_handle<void>> busy;
  for (int i = 0; i < 2 * workers; ++i) {
    busy.push_back(here.spawn([&] {
      while (!end.load()) {
        auto const until = std::chrono::steady_clock::now() + 3ms;
        while (std::chrono::steady_clock::now() < until) {
        }
        ++stretches;
        this_fiber::yield();
      }
    }));
  }
  int between = 0;
  for (int i = 0; i < rounds; ++i) {
    int const before = stretches.load();
    std::atomic<bool> ran{false};
    here.post([&] {
      between += stretches.load() - before;
      ran = true;
      ran.notify_all();
    });
    ran.wait(false);
  }
  end = true;
  for (auto& each : busy) each.join();
  // Two stretches until the look, two more in the queue before it, on each worker.
  EXPECT_LT(between, rounds * workers * 4 * 3);
}

TEST(FairnessOfOneWorker, YieldGivesEveryReadyFiberItsTurn) {
  run({.workers = 1}, [] {
    constexpr int fibers = 100;
    constexpr int turns = 50;
    std::vector<int> taken(fibers);
    int worst = 0;
    std::vector<join_handle<void>> all;
    for (int i = 0; i < fibers; ++i) {
      all.push_back(spawn([&, i] {
        for (int n = 0; n < turns; ++n) {
          ++taken[static_cast<std::size_t>(i)];
          this_fiber::yield();
          auto const [least, most] = std::minmax_element(taken.begin(), taken.end());
          if (*least > 0) worst = std::max(worst, *most - *least);
        }
      }));
    }
    for (auto& each : all) each.join();
    EXPECT_LE(worst, turns);
    EXPECT_EQ(*std::min_element(taken.begin(), taken.end()), turns);
  });
}

// More than the rings hold, and more than the inbox holds.
TEST_P(Fairness, ManyReadyFibersOverflowInOrder) {
  run({.workers = GetParam()}, [] {
    constexpr int count = 5000;
    std::atomic<int> ran{0};
    std::vector<join_handle<void>> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(spawn([&] {
        for (int n = 0; n < 5; ++n) this_fiber::yield();
        ++ran;
      }));
    }
    for (auto& each : all) each.join();
    EXPECT_EQ(ran, count);
  });
}

// A fiber that yields comes behind those that the ring had no room for.
TEST(FairnessOfOneWorker, WhatOverflowedKeepsItsPlace) {
  run({.workers = 1}, [] {
    constexpr int count = 3000;
    constexpr int turns = 3;
    std::vector<waiter*> parked(count);
    std::vector<int> order;
    std::vector<join_handle<void>> all;
    int begun = 0;
    for (int i = 0; i < count; ++i) {
      all.push_back(spawn([&, i] {
        waiter self;
        parked[static_cast<std::size_t>(i)] = &self;
        ++begun;
        self.park({"test"});
        for (int n = 0; n < turns; ++n) {
          order.push_back(i);
          this_fiber::yield();
        }
      }));
    }
    while (begun != count) this_fiber::yield();
    for (waiter* const each : parked) each->unpark(placement::queue);
    for (auto& each : all) each.join();
    std::vector<int> expected(count);
    std::iota(expected.begin(), expected.end(), 0);
    for (int n = 1; n < turns; ++n) {
      expected.insert(expected.end(), expected.begin(), expected.begin() + count);
    }
    EXPECT_TRUE(order == expected);
  });
}

// --- the driver

// Counts how it is used, and waits like the real one.
class counting_driver : public driver {
 public:
  counting_driver(std::atomic<int>& inside, std::atomic<int>& entries)
      : inside_(inside), entries_(entries) {}

  void wait_until(std::chrono::steady_clock::time_point deadline) override {
    EXPECT_EQ(inside_.fetch_add(1), 0);  // one at a time
    entries_.fetch_add(1);
    while (!interrupted_.exchange(false) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    inside_.fetch_sub(1);
  }
  void interrupt() noexcept override { interrupted_ = true; }
  bool has_sources() const noexcept override { return true; }

 private:
  std::atomic<int>& inside_;
  std::atomic<int>& entries_;
  std::atomic<bool> interrupted_{false};
};

TEST_P(Fairness, TheDriverHasOneWorkerInsideAtATime) {
  std::atomic<int> inside{0};
  std::atomic<int> entries{0};
  runtime here({.workers = GetParam(),
                .make_driver = [&] { return std::make_unique<counting_driver>(inside, entries); }});
  here.run([] {
    std::vector<join_handle<void>> all;
    for (int i = 0; i < 200; ++i) {
      all.push_back(spawn([i] {
        for (int n = 0; n < 5; ++n) {
          this_fiber::yield();
          if (i % 20 == 0) this_fiber::sleep_for(100us);
        }
      }));
    }
    for (auto& each : all) each.join();
  });
  EXPECT_GT(entries, 0);
}

// Unparks whoever waits at the look before a sleep.
class early_driver : public driver {
 public:
  early_driver(std::atomic<waiter*>& waiting, std::atomic<int>& sleeps)
      : waiting_(waiting), sleeps_(sleeps) {}

  bool look_before_sleep() override {
    waiter* const found = waiting_.exchange(nullptr);
    return found != nullptr && found->unpark(placement::queue);
  }
  void wait_until(std::chrono::steady_clock::time_point deadline) override {
    if (deadline > std::chrono::steady_clock::now()) sleeps_.fetch_add(1);
    while (!interrupted_.exchange(false) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
  }
  void interrupt() noexcept override { interrupted_ = true; }
  bool has_sources() const noexcept override { return waiting_ != nullptr; }

 private:
  std::atomic<waiter*>& waiting_;
  std::atomic<int>& sleeps_;
  std::atomic<bool> interrupted_{false};
};

TEST(Driver, WhatTheLookBeforeASleepServesIsRunWithoutOne) {
  std::atomic<waiter*> waiting{nullptr};
  std::atomic<int> sleeps{0};
  runtime here({.workers = 1,
                .make_driver = [&] { return std::make_unique<early_driver>(waiting, sleeps); }});
  here.run([&] {
    int const before = sleeps;
    for (int i = 0; i < 100; ++i) {
      waiter self;
      waiting = &self;
      EXPECT_EQ(self.park({"early", nullptr}), wake::unparked);
    }
    EXPECT_EQ(sleeps, before);
  });
}

}  // namespace
}  // namespace ramie
