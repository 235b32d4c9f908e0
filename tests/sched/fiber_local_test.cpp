#include <ramie/sched/fiber_local.hpp>

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include <ramie/sched/runtime.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/workers.hpp"

namespace ramie {
namespace {

class FiberLocal : public testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(Workers, FiberLocal, testing::ValuesIn(test::worker_counts()));

TEST_P(FiberLocal, BelongsToTheFiberWhereverItRuns) {
  fiber_local<int> own;
  run({.workers = GetParam()}, [&] {
    std::vector<join_handle<void>> all;
    for (int i = 1; i <= 100; ++i) {
      all.push_back(spawn([&own, i] {
        EXPECT_EQ(*own, 0);
        *own = i;
        for (int n = 0; n < 20; ++n) {
          this_fiber::yield();
          EXPECT_EQ(*own, i);
        }
      }));
    }
    for (auto& each : all) each.join();
    EXPECT_EQ(*own, 0);
  });
}

TEST_P(FiberLocal, IsMadeFromItsInitialiser) {
  fiber_local<std::string> own([] { return std::string("initial"); });
  run({.workers = GetParam()}, [&] { EXPECT_EQ(*own, "initial"); });
  EXPECT_EQ(own->size(), 7U);  // and a plain thread has one too
}

TEST_P(FiberLocal, IsDestroyedOnItsFiberNewestFirst) {
  static std::vector<int> destroyed;
  destroyed.clear();
  struct logs {
    int number = 0;
    ~logs() {
      this_fiber::yield();  // it is still a fiber that destroys it
      destroyed.push_back(number);
    }
  };
  fiber_local<logs> first;
  fiber_local<logs> second;
  run({.workers = GetParam()}, [&] {
    spawn([&] {
      first->number = 1;
      second->number = 2;
    }).join();
    EXPECT_EQ(destroyed, (std::vector{2, 1}));
  });
}

TEST_P(FiberLocal, IsHandedDownIfAskedFor) {
  fiber_local<int> plain;
  fiber_local<int> handed_down(inherit::yes);
  run({.workers = GetParam()}, [&] {
    *plain = 1;
    *handed_down = 2;
    spawn([&] {
      EXPECT_EQ(*plain, 0);
      EXPECT_EQ(*handed_down, 2);
      *handed_down = 3;
    }).join();
    EXPECT_EQ(*handed_down, 2);
  });
}

TEST(FiberLocalOnThreads, BelongsToTheThread) {
  fiber_local<int> own;
  *own = 1;
  std::thread([&] { EXPECT_EQ(*own, 0); }).join();
  EXPECT_EQ(*own, 1);
}

}  // namespace
}  // namespace ramie
