// No idle worker beside runnable work, ten thousand times over. What is asserted is the order of
// events: a fiber that never lets go of its worker sees the work it left behind done by another
// one, or the test hangs. How long that takes is measured by ramie_delays (tests/bench).
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <ramie/fiber/context.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "../support/workers.hpp"

namespace ramie {
namespace {

int repeats() {
  return detail::built_with_tsan() || detail::built_with_asan() ? 500 : 10'000;
}

void compute_until(std::atomic<bool> const& done) {
  while (!done.load(std::memory_order_acquire)) std::this_thread::yield();
}

// One way to leave work behind and compute.
void leave_work(runtime& here, unsigned way) {
  std::atomic<bool> done{false};
  switch (way) {
    case 0: {  // a fiber that never ran
      auto other = spawn([&] { done = true; });
      compute_until(done);
      return other.join();
    }
    case 1: {  // one that was woken, in the run-next slot
      std::atomic<waiter*> parked{nullptr};
      auto other = spawn([&] {
        waiter self;
        parked = &self;
        self.park({"test"});
        done = true;
      });
      while (parked.load() == nullptr) this_fiber::yield();
      parked.load()->unpark(placement::next);
      compute_until(done);
      return other.join();
    }
    case 2: {  // several: each computes until all have run
      constexpr int count = 4;
      std::atomic<int> left{count};
      std::vector<join_handle<void>> all;
      for (int i = 0; i < count; ++i) {
        all.push_back(spawn([&] {
          if (--left == 0) done = true;
        }));
      }
      compute_until(done);
      for (auto& each : all) each.join();
      return;
    }
    default: {  // from outside
      here.post([&] { done = true; });
      compute_until(done);
      return;
    }
  }
}

class Conservation : public testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(ManyWorkers, Conservation, testing::Values(2U, 8U, 64U));

TEST_P(Conservation, LeftWorkIsDoneBesideAComputingFiber) {
  unsigned const seed = test::test_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  runtime here({.workers = GetParam(), .seed = seed + 1ULL});
  here.run([&] {
    for (int i = 0; i < repeats(); ++i) leave_work(here, random() % 4);
  });
}

// With one worker nobody is idle beside work; what is left is that nothing is forgotten.
TEST(ConservationOfOneWorker, LeftWorkIsDoneOnceTheWorkerIsFree) {
  runtime here({.workers = 1});
  here.run([&] {
    for (int i = 0; i < repeats(); ++i) {
      std::atomic<int> ran{0};
      auto first = spawn([&] { ++ran; });
      here.post([&] { ++ran; });
      first.join();
      while (ran.load() != 2) this_fiber::yield();
    }
  });
}

// The edge of sleep: work comes just as the workers run dry.
TEST_P(Conservation, WorkThatComesAsWorkersFallAsleepIsDone) {
  runtime here({.workers = GetParam()});
  for (int i = 0; i < repeats(); ++i) {
    std::atomic<bool> done{false};
    here.post([&] { done = true; });
    while (!done.load()) std::this_thread::yield();
  }
}

}  // namespace
}  // namespace ramie
