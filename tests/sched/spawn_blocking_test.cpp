// spawn_blocking and its pool.
#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <ramie/sched/fiber_local.hpp>
#include <ramie/sched/spawn_blocking.hpp>

#include "support/fibers.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::cancelled;
using ramie::spawn_blocking;
namespace this_fiber = ramie::this_fiber;

RAMIE_TEST_WITH_WORKERS(SpawnBlocking);

/// The process's address space.
std::size_t mapped_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages;
  return pages * 4096;
}

TEST_P(SpawnBlocking, GivesResultsAndExceptions) {
  run_it([] {
    EXPECT_EQ(spawn_blocking([](int a, std::unique_ptr<int> b) { return a + *b; }, 1,
                             std::make_unique<int>(2))
                  .join(),
              3);
    EXPECT_THROW(spawn_blocking([] { throw std::runtime_error("blocked"); }).join(),
                 std::runtime_error);
    EXPECT_EQ(*spawn_blocking([] { return std::make_unique<int>(4); }).join(), 4);
  });
}

TEST_P(SpawnBlocking, LeavesTheWorkersFree) {
  run_it([] {
    std::latch release(1);
    auto blocked = spawn_blocking([&] { release.wait(); });
    int turns = 0;
    for (; turns < 100; ++turns) ramie::spawn([] {}).join();
    EXPECT_FALSE(blocked.done());
    release.count_down();
    blocked.join();
  });
}

TEST(SpawnBlockingPool, GrowsToItsLimitAndQueuesBeyondIt) {
  ramie::run({.workers = 1, .max_blocking_threads = 3}, [] {
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::latch all_three(3);
    std::vector<ramie::join_handle<int>> jobs;
    for (int i = 0; i < 30; ++i) {
      jobs.push_back(spawn_blocking([&, i] {
        int const now = ++running;
        int seen = most.load();
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        if (i < 3) all_three.arrive_and_wait();
        --running;
        return i;
      }));
    }
    for (int i = 0; i < 30; ++i) EXPECT_EQ(jobs[static_cast<std::size_t>(i)].join(), i);
    EXPECT_EQ(most.load(), 3);
  });
}

TEST(SpawnBlockingPool, ShrinksWhenItIsIdle) {
  ramie::runtime rt({.workers = 1, .blocking_keep_alive = 1ms});
  rt.run([] { spawn_blocking([] {}).join(); });
  while (rt.metrics().blocking_threads != 0) std::this_thread::yield();
  rt.run([] { spawn_blocking([] {}).join(); });  // and grows again
}

TEST(SpawnBlockingPool, CanBeCancelledWhileItIsQueued) {
  ramie::run({.workers = 1, .max_blocking_threads = 1}, [] {
    std::latch begun(1);
    std::latch release(1);
    auto first = spawn_blocking([&] {
      begun.count_down();
      release.wait();
    });
    begun.wait();
    bool ran = false;
    auto guard = std::make_shared<int>(0);
    auto queued = spawn_blocking([&ran, guard] { ran = true; });
    auto behind = spawn_blocking([] { return 6; });
    queued.cancel();
    EXPECT_THROW(queued.join(), cancelled) << "while the only thread is busy";
    EXPECT_EQ(guard.use_count(), 1);
    {
      auto abandoned = spawn_blocking([&ran] { ran = true; });
    }
    first.cancel();  // too late
    EXPECT_FALSE(first.done());
    release.count_down();
    first.join();
    EXPECT_EQ(behind.join(), 6);
    EXPECT_FALSE(ran);
  });
}

TEST_P(SpawnBlocking, CancelRacesWithTheBegin) {
  ramie::run({.workers = GetParam(), .max_blocking_threads = 2}, [] {
    int cancelled_ones = 0;
    std::atomic<int> ran{0};
    constexpr int rounds = 2000;
    for (int i = 0; i < rounds; ++i) {
      auto job = spawn_blocking([&] { ++ran; });
      for (int n = 0; n < i % 5; ++n) this_fiber::yield();
      job.cancel();
      try {
        job.join();
      } catch (cancelled const&) {
        ++cancelled_ones;
      }
    }
    EXPECT_EQ(ran.load() + cancelled_ones, rounds);
  });
}

TEST_P(SpawnBlocking, TheEndOfTheRuntimeWaitsForWhatHasBegun) {
  std::atomic<bool> finished{false};
  std::latch begun(1);
  std::atomic<bool> release{false};
  {
    ramie::runtime rt({.workers = GetParam(), .max_blocking_threads = 1});
    rt.run([&] {
      spawn_blocking({.name = "begun"}, [&] {
        begun.count_down();
        while (!release.load()) std::this_thread::yield();
        finished = true;
      }).detach();
      for (int i = 0; i < 10; ++i)
        spawn_blocking([] { ADD_FAILURE() << "it was queued"; }).detach();
    });
    begun.wait();
    auto const report = rt.shutdown(1ms);
    // Those that were queued may still be about to be discarded.
    EXPECT_EQ(std::count_if(report.unfinished.begin(), report.unfinished.end(),
                            [](auto const& each) { return each.name == "begun"; }),
              1);
    release = true;
  }
  EXPECT_TRUE(finished.load());
}

TEST_P(SpawnBlocking, HasAnIdAndLocalsOfItsOwn) {
  static ramie::fiber_local<int> local;
  run_it([] {
    *local = 1;
    auto const here = this_fiber::get_id();
    for (int i = 0; i < 10; ++i) {
      auto job = spawn_blocking({.name = "job"}, [here] {
        EXPECT_EQ(*local, 0);
        *local = 2;
        EXPECT_NE(this_fiber::get_id(), here);
        EXPECT_EQ(this_fiber::name(), "job");
        EXPECT_EQ(ramie::this_worker::id(), -1);
        this_fiber::yield();
        this_fiber::sleep_for(1us);
        // On its own runtime, and waited for by the OS thread.
        return ramie::spawn([] { return ramie::this_worker::id(); }).join();
      });
      EXPECT_GE(job.join(), 0);
    }
    EXPECT_EQ(*local, 1);
  });
}

TEST(SpawnBlockingOfThreads, UsesTheDefaultRuntime) {
  EXPECT_EQ(spawn_blocking([] { return 5; }).join(), 5);
}

TEST(SpawnBlockingPool, CountsAsAFiberOfTheLimit) {
  ramie::run({.workers = 1, .max_fibers = 2}, [] {
    std::atomic<int> done{0};
    for (int i = 0; i < 20; ++i) spawn_blocking([&] { ++done; }).detach();
    while (done.load() < 20) this_fiber::yield();
  });
}

TEST(SpawnBlockingPool, ReportsWhatDetachedOnesThrow) {
  std::atomic<int> reported{0};
  ramie::runtime_options options{.workers = 1};
  options.on_unhandled_exception = [&](ramie::unhandled_exception const& what) {
    EXPECT_EQ(what.fiber_name, "thrower");
    ++reported;
  };
  ramie::run(options, [&] {
    spawn_blocking({.name = "thrower"}, [] { throw 1; }).detach();
    while (reported.load() == 0) this_fiber::yield();
  });
  EXPECT_EQ(reported.load(), 1);
}

// A job runs on a thread's stack: the one that its size has reserved is given back with it.
TEST(SpawnBlockingOptions, AStackSizeCostsNothingThatLasts) {
  constexpr std::size_t gibibyte = std::size_t{1} << 30;
  ramie::run({.workers = 1}, [] {
    auto const job = [] { spawn_blocking({.stack_size = gibibyte}, [] {}).join(); };
    job();
    std::size_t const before = mapped_bytes();
    for (int i = 0; i < 64; ++i) job();
    EXPECT_LT(mapped_bytes(), before + 8 * gibibyte);
  });
}

// Each job but those that came too soon after the one before finds a thread that has stayed.
TEST(SpawnBlockingOptions, AThreadMayStayForEver) {
  std::set<pid_t> threads;
  ramie::run({.workers = 1, .blocking_keep_alive = std::chrono::milliseconds::max()}, [&] {
    for (int i = 0; i < 100; ++i) threads.insert(spawn_blocking([] { return ::gettid(); }).join());
  });
  EXPECT_LT(threads.size(), 50U);
}

}  // namespace
