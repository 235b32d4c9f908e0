#include <ramie/sched/fiber_local.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ramie/sched/runtime.hpp>
#include <ramie/sched/spawn_blocking.hpp>
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

// What a result's destructor or a handler makes on a fiber that ends is not left to the next fiber
// with its record.
TEST(FiberLocalAtTheEnd, WhatComesAfterTheFunctionIsDestroyedToo) {
  static std::atomic<int> live{0};
  struct counted {
    counted() { ++live; }
    ~counted() { --live; }
    int value = 0;
  };
  static fiber_local<counted> own;
  struct result {
    result() = default;
    result(result&& other) noexcept { other.armed = false; }
    ~result() {
      if (armed) own->value = 77;
    }
    bool armed = true;
  };
  auto const seen_by_next = [] {
    this_fiber::yield();
    this_fiber::yield();
    EXPECT_EQ(live, 0);
    return spawn([] { return own->value; }).join();
  };
  runtime here({.workers = 1, .on_unhandled_exception = [](auto const&) { own->value = 78; }});
  here.run([&] {
    spawn([] { return result(); }).detach();
    EXPECT_EQ(seen_by_next(), 0);
    spawn([] { throw 1; }).detach();
    EXPECT_EQ(seen_by_next(), 0);
    std::atomic<bool> ended{false};
    struct tells {
      explicit tells(std::atomic<bool>& told) : told_(&told) {}
      tells(tells&& other) noexcept : told_(std::exchange(other.told_, nullptr)) {}
      ~tells() {
        if (told_ == nullptr) return;
        own->value = 79;
        *told_ = true;
      }
      std::atomic<bool>* told_;
    };
    std::atomic<bool> detached{false};  // else whoever detaches it drops its result
    spawn_blocking([&] {
      while (!detached) std::this_thread::yield();
      return tells(ended);
    }).detach();
    detached = true;
    while (!ended || here.metrics().live_fibers != 1) this_fiber::yield();
    EXPECT_EQ(seen_by_next(), 0);
  });
}

// The list that is being copied grows.
TEST(FiberLocalInheritance, ACopyMayMakeValuesItself) {
  static fiber_local<int> copies[8];
  struct context {
    context() = default;
    context(context const& other) : id(other.id) {
      for (auto& each : copies) ++*each;
    }
    int id = 0;
  };
  static fiber_local<context> first(inherit::yes);
  static fiber_local<context> second(inherit::yes);
  run({.workers = 1}, [] {
    first->id = 6;
    second->id = 7;
    EXPECT_EQ(spawn([] { return first->id * 10 + second->id; }).join(), 67);
    EXPECT_EQ(*copies[0], 2);
  });
}

}  // namespace
}  // namespace ramie
