#include <ramie/sync/wait_group.hpp>

#include <limits>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::test::settle;

RAMIE_TEST_WITH_WORKERS(WaitGroupStress);

TEST(WaitGroup, WaitReturnsWhenTheCountComesToZero) {
  ramie::test::on_one_worker([] {
    ramie::wait_group group;
    group.wait();
    group.add(2);
    int woken = 0;
    auto a = spawn([&] { group.wait(), ++woken; });
    auto b = spawn([&] { group.wait(), ++woken; });
    settle();
    group.done();
    settle();
    EXPECT_EQ(woken, 0);
    group.done();
    settle();
    EXPECT_EQ(woken, 2);
    group.add(1);  // It can be used again.
    group.add(-1);
    group.wait();
  });
}

TEST(WaitGroup, ACountOutOfRangeIsAnErrorAndChangesNothing) {
  ramie::wait_group group;
  try {
    group.done();
    ADD_FAILURE();
  } catch (std::system_error const& error) {
    EXPECT_EQ(error.code(), std::errc::invalid_argument);
  }
  group.wait();
  group.add(std::numeric_limits<std::ptrdiff_t>::max());
  try {
    group.add(1);
    ADD_FAILURE();
  } catch (std::system_error const& error) {
    EXPECT_EQ(error.code(), std::errc::value_too_large);
  }
  group.add(-std::numeric_limits<std::ptrdiff_t>::max());
  group.wait();
}

TEST(WaitGroup, ACancelledWaitThrows) {
  ramie::test::on_one_worker([] {
    ramie::wait_group group;
    group.add(1);
    auto waiter = spawn([&] { group.wait(); });
    settle();
    waiter.cancel();
    EXPECT_THROW(waiter.join(), ramie::cancelled);
    group.done();
    group.wait();
  });
}

TEST_P(WaitGroupStress, WhatWasDoneIsVisibleAfterTheWait) {
  run_it([] {
    for (int round = 0; round < 200; ++round) {
      ramie::wait_group group;
      std::vector<int> written(8, 0);
      group.add(8);
      std::thread outside([&] {
        for (std::size_t i = 0; i < 4; ++i) written[i] = 1, group.done();
      });
      std::vector<ramie::join_handle<void>> fibers;
      for (std::size_t i = 4; i < 8; ++i) {
        fibers.push_back(spawn([&, i] { written[i] = 1, group.done(); }));
      }
      group.wait();
      for (int const one : written) ASSERT_EQ(one, 1);
      outside.join();
    }
  });
}

TEST_P(WaitGroupStress, MayBeDestroyedByWhoeverWasWoken) {
  run_it([] {
    ramie::test::destroy_as_soon_as_woken(
        +[] {
          auto group = std::make_shared<ramie::wait_group>();
          group->add(2);
          return group;
        },
        [](auto& group) { group.done(), group.done(); }, [](auto& group) { group.wait(); });
  });
}

TEST(WaitGroupStress, TheLastOneIsDoneWithItWhenAWaitReturns) {
  ramie::test::destroy_while_the_waker_leaves(
      +[] {
        auto group = std::make_shared<ramie::wait_group>();
        group->add(1);
        return group;
      },
      [](auto& group) { group.done(); }, [](auto& group) { group.wait(); });
}

}  // namespace
