#include <ramie/sched/this_fiber.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <ramie/sched/runtime.hpp>
#include <ramie/sched/task_group.hpp>

#include "support/fibers.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;

class ThisFiber : public testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(Workers, ThisFiber, testing::ValuesIn(test::worker_counts()));

// Runs `body` on many fibers at once, so that they are stolen from each other.
template <class Body>
void on_many_fibers(runtime_options options, Body body) {
  run(std::move(options), [&] {
    std::vector<join_handle<void>> all;
    for (int i = 0; i < 64; ++i) all.push_back(spawn(body, i));
    for (auto& each : all) each.join();
  });
}

// The thread that runs the caller; opaque, so that no compiler takes it from an earlier look.
[[gnu::noinline]] std::thread::id thread_here() {
  asm volatile("" ::: "memory");
  return std::this_thread::get_id();
}

TEST_P(ThisFiber, KnowsItsWorkerAfterEveryMigration) {
  std::mutex mutex;
  std::map<int, std::thread::id> threads;
  on_many_fibers({.workers = GetParam(),
                  .on_worker_start =
                      [&](unsigned worker) {
                        std::lock_guard lock(mutex);
                        threads[static_cast<int>(worker)] = std::this_thread::get_id();
                      }},
                 [&](int) {
                   for (int n = 0; n < 200; ++n) {
                     this_fiber::yield();
                     std::lock_guard lock(mutex);  // never held across a wait
                     ASSERT_EQ(threads.at(this_worker::id()), thread_here());
                   }
                 });
}

TEST_P(ThisFiber, StaysOnItsThreadWhilePinned) {
  on_many_fibers({.workers = GetParam()}, [](int) {
    auto const pin = this_fiber::pin();
    auto const home = thread_here();
    for (int n = 0; n < 100; ++n) {
      {
        auto const nested = this_fiber::pin();
        this_fiber::yield();
      }
      ASSERT_EQ(thread_here(), home);
      spawn([] {}).join();  // woken from wherever that ran
      ASSERT_EQ(thread_here(), home);
      if (n % 50 == 0) this_fiber::sleep_for(100us);
      ASSERT_EQ(thread_here(), home);
    }
  });
}

TEST_P(ThisFiber, MayBeginPinned) {
  run({.workers = GetParam()}, [] {
    // Enough of them, and enough for thieves to do, that those which are not pinned move.
    std::vector<join_handle<void>> fibers;
    for (int i = 0; i < 32; ++i) {
      fibers.push_back(spawn({.pinned = i % 2 == 0}, [i] {
        auto const home = thread_here();
        for (int n = 0; n < 1000; ++n) {
          this_fiber::yield();
          if (i % 2 == 0) {
            ASSERT_EQ(thread_here(), home);
          }
        }
      }));
    }
    for (auto& each : fibers) each.join();
  });
}

TEST_P(ThisFiber, KeepsErrno) {
  on_many_fibers({.workers = GetParam()}, [](int number) {
    for (int n = 0; n < 100; ++n) {
      test::errno_here() = number * 1000 + n;
      this_fiber::yield();
      ASSERT_EQ(test::errno_here(), number * 1000 + n);
    }
  });
}

TEST_P(ThisFiber, KeepsCaughtExceptionsAcrossMigration) {
  on_many_fibers({.workers = GetParam()}, [](int number) {
    for (int n = 0; n < 50; ++n) {
      std::string const mine = std::to_string(number) + "/" + std::to_string(n);
      try {
        throw std::runtime_error(mine);
      } catch (std::exception const&) {
        this_fiber::yield();
        try {
          throw;
        } catch (std::exception const& again) {
          ASSERT_EQ(again.what(), mine);
        }
      }
    }
  });
}

TEST_P(ThisFiber, HasTheNameItWasGiven) {
  run({.workers = GetParam()}, [] {
    EXPECT_EQ(this_fiber::name(), "");
    spawn({.name = "worker bee"}, [] { EXPECT_EQ(this_fiber::name(), "worker bee"); }).join();
    spawn({.name = "a name that is rather too long to be kept"}, [] {
      EXPECT_EQ(this_fiber::name(), "a name that is rather too long ");
    }).join();
  });
}

TEST_P(ThisFiber, SleepsForAtLeastAsLongAsAsked) {
  run({.workers = GetParam()}, [] {
    auto const begun = std::chrono::steady_clock::now();
    this_fiber::sleep_for(3ms);
    EXPECT_GE(std::chrono::steady_clock::now(), begun + 3ms);
    auto const until = std::chrono::system_clock::now() + 3ms;
    this_fiber::sleep_until(until);
    EXPECT_GE(std::chrono::system_clock::now(), until);
    this_fiber::sleep_for(-1h);
    this_fiber::sleep_until(std::chrono::steady_clock::time_point::min());
  });
}

// On one worker: several would run at once those that come due together.
TEST(ThisFiberOnOneWorker, WakesSleepersInTheOrderOfTheirDeadlines) {
  auto const start = std::chrono::steady_clock::now();
  std::atomic<std::chrono::milliseconds> passed{0ms};
  runtime_options options{.workers = 1};
  options.clock = [&] { return start + passed.load(); };
  run(options, [&passed] {
    std::vector<int> woken;
    std::vector<join_handle<void>> all;
    int begun = 0;
    for (int i : {3, 1, 4, 0, 2}) {
      all.push_back(spawn([&woken, &begun, i] {
        ++begun;
        this_fiber::sleep_for((1 + i) * 100us);
        woken.push_back(i);
      }));
    }
    while (begun != 5) this_fiber::yield();
    EXPECT_EQ(woken, std::vector<int>{});
    passed = 1ms;
    for (auto& each : all) each.join();
    EXPECT_EQ(woken, (std::vector{0, 1, 2, 3, 4}));
  });
}

// Deadlines that lie close together are served together.
TEST(ThisFiberOnOneWorker, WakesForManySleepersSeldom) {
  constexpr int count = 20'000;
  runtime here({.workers = 1});
  here.run([] {
    auto const begin = std::chrono::steady_clock::now() + 20ms;
    task_group all;
    for (int i = 0; i < count; ++i) {
      all.spawn([due = begin + i * 10us] { this_fiber::sleep_until(due); });
    }
    all.wait();
  });
  auto const seen = here.metrics();
  EXPECT_LT(seen.polls, count / 12);
}

TEST_P(ThisFiber, ChecksForCancellation) {
  runtime here({.workers = GetParam()});
  std::atomic<bool> begun{false};
  auto handle = here.spawn([&] {
    begun = true;
    for (;;) {
      this_fiber::check_cancelled();
      this_fiber::yield();
    }
  });
  while (!begun.load()) std::this_thread::yield();
  handle.cancel();
  EXPECT_THROW(handle.join(), cancelled);
}

TEST(ThisFiberOnAThread, ActsOnTheThread) {
  this_fiber::yield();
  this_fiber::sleep_for(1ms);
  this_fiber::check_cancelled();
  auto const pin = this_fiber::pin();
  EXPECT_EQ(this_fiber::name(), "");
  EXPECT_EQ(this_worker::id(), -1);
  EXPECT_EQ(this_fiber::get_id(), this_thread::get_id());
}

// A frame of its own, whatever the compiler would like.
[[gnu::noinline]] void use_stack() {
  volatile char used[100 * 1024];
  for (std::size_t i = 0; i < sizeof used; i += 1024) used[i] = 1;
}

TEST(ThisFiberOnOneWorker, TellsHowMuchOfItsStackWasUsed) {
  EXPECT_EQ(this_fiber::stack_high_water(), 0U) << "on a plain thread";
  run({.workers = 1}, [] {
    for (std::size_t const stack_size : {std::size_t{0}, std::size_t{1} << 20}) {
      spawn({.stack_size = stack_size}, [] {
        std::size_t const before = this_fiber::stack_high_water();
        EXPECT_GT(before, 0U);
        use_stack();
        EXPECT_GE(this_fiber::stack_high_water(), 100U * 1024);
        EXPECT_LT(before, 100U * 1024);
      }).join();
    }
  });
}

}  // namespace
}  // namespace ramie
