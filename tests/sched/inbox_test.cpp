// What comes in from outside.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include <ramie/sched/runtime.hpp>

#include "support/workers.hpp"

namespace {

thread_local unsigned yields = 0;  // calls of sched_yield

}  // namespace

// In the C library's place, for the whole program.
extern "C" int sched_yield() noexcept {
  ++yields;
  return static_cast<int>(::syscall(SYS_sched_yield));
}

namespace ramie {
namespace {

class Inbox : public testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(Workers, Inbox, testing::ValuesIn(test::worker_counts()));

TEST_P(Inbox, TakesWorkFromManyThreads) {
  runtime here({.workers = GetParam()});
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) here.post([&] { sum.fetch_add(1); });
    });
  }
  for (auto& each : threads) each.join();
  while (sum < 20000) std::this_thread::yield();
  EXPECT_EQ(here.metrics().spawned, 20000U);
}

// The inbox holds 1,024: what comes above that is neither dropped nor spun on. Each 1,024 more the
// sender offers its processor to others.
TEST_P(Inbox, LosesNothingWhenAnInboxIsFull) {
  runtime here({.workers = GetParam()});
  std::atomic<bool> go{false};
  std::atomic<unsigned> begun{0};
  std::atomic<int> ran{0};
  for (unsigned i = 0; i < GetParam(); ++i) {
    here.post([&] {
      ++begun;
      while (!go.load()) std::this_thread::yield();  // the worker, not the fiber
    });
  }
  while (begun < GetParam()) std::this_thread::yield();
  unsigned const yields_before = yields;
  for (int i = 0; i < 20000; ++i) here.post([&] { ++ran; });
  unsigned const offers = yields - yields_before;
  EXPECT_EQ(ran, 0);
  unsigned const most_offers = 20000 / 1024;
  EXPECT_LE(offers, most_offers);
  // Of each inbox's share 1,024 are no reason, and fewer than 1,024 are left over.
  EXPECT_GT(offers + 2 * GetParam(), most_offers);
  go = true;
  while (ran < 20000) std::this_thread::yield();
}

}  // namespace
}  // namespace ramie
