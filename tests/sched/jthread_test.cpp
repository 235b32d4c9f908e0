// jthread, and how cancellation and stop tokens meet.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>

#include <ramie/sched/jthread.hpp>

#include "support/fibers.hpp"

namespace {

using ramie::jthread;
using ramie::test::forever;
using ramie::test::on_one_worker;
using ramie::test::settle;
namespace this_fiber = ramie::this_fiber;

RAMIE_TEST_WITH_WORKERS(Jthread);

static_assert(std::is_nothrow_default_constructible_v<jthread>);
static_assert(std::is_nothrow_move_constructible_v<jthread>);
static_assert(std::is_nothrow_move_assignable_v<jthread>);
static_assert(!std::is_copy_constructible_v<jthread>);
static_assert(std::is_same_v<jthread::id, ramie::thread::id>);

TEST_P(Jthread, StopsAndJoinsWhenItIsDestroyed) {
  run_it([] {
    std::atomic<bool> stopped{false};
    {
      jthread worker([&](std::stop_token token) {
        while (!token.stop_requested()) this_fiber::yield();
        stopped = true;
      });
      EXPECT_TRUE(worker.joinable());
    }
    EXPECT_TRUE(stopped.load());
  });
}

TEST_P(Jthread, TakesCallablesWithAndWithoutAToken) {
  run_it([] {
    int sum = 0;
    jthread([&](int a, std::unique_ptr<int> b) { sum = a + *b; }, 1, std::make_unique<int>(2));
    EXPECT_EQ(sum, 3);
    jthread([&](std::stop_token, int a) { sum = a; }, 4);
    EXPECT_EQ(sum, 4);
    jthread({.name = "named"}, [&] { EXPECT_EQ(this_fiber::name(), "named"); }).join();
  });
}

TEST(JthreadOnOneWorker, HasTheMembersOfTheStandard) {
  on_one_worker([] {
    jthread empty;
    EXPECT_FALSE(empty.joinable());
    EXPECT_FALSE(empty.get_stop_source().stop_possible());
    EXPECT_FALSE(empty.request_stop());
    EXPECT_EQ(empty.get_id(), jthread::id());
    EXPECT_THROW(empty.join(), std::system_error);
    EXPECT_THROW(empty.detach(), std::system_error);

    jthread worker([](std::stop_token token) {
      while (!token.stop_requested()) this_fiber::yield();
    });
    auto const id = worker.get_id();
    std::stop_token const token = worker.get_stop_token();
    swap(worker, empty);
    EXPECT_EQ(empty.get_id(), id);
    EXPECT_FALSE(worker.joinable());
    worker = std::move(empty);
    EXPECT_EQ(worker.get_id(), id);
    EXPECT_FALSE(token.stop_requested());
    worker = jthread();  // stops and joins the former
    EXPECT_TRUE(token.stop_requested());
  });
}

TEST(JthreadOnOneWorker, AskingToStopDoesNotCancel) {
  on_one_worker([] {
    bool finished = false;
    jthread worker([&](std::stop_token token) {
      while (!token.stop_requested()) this_fiber::yield();
      this_fiber::sleep_for(ramie::test::soon);
      finished = true;
    });
    settle();
    worker.request_stop();
    worker.join();
    EXPECT_TRUE(finished);
  });
}

TEST_P(Jthread, CancellingItAsksToStop) {
  run_it([] {
    for (int i = 0; i < 500; ++i) {
      std::atomic<int> begun{0};
      std::atomic<bool> told{false};
      jthread worker([&](std::stop_token token) {
        std::stop_callback const tell(token, [&] { told = true; });
        ++begun;
        while (!token.stop_requested()) this_fiber::yield();
      });
      if (i % 2 == 0) {
        while (begun.load() == 0) this_fiber::yield();
      }
      worker.cancel();
      worker.join();
      EXPECT_EQ(told.load(), begun.load() != 0);
    }
  });
}

TEST_P(Jthread, TheEndOfTheRuntimeAsksToStop) {
  constexpr int many = 200;  // more than one round tells
  std::atomic<int> stopped{0};
  std::atomic<int> begun{0};
  {
    ramie::runtime rt({.workers = GetParam()});
    rt.run([&] {
      for (int i = 0; i < many; ++i) {
        jthread([&](std::stop_token token) {
          ++begun;
          while (!token.stop_requested()) this_fiber::yield();
          ++stopped;
        }).detach();
      }
      while (begun.load() < many) this_fiber::yield();
    });
  }
  EXPECT_EQ(stopped.load(), many);
}

TEST(JthreadOnOneWorker, ACancelledWaitIsANormalEnd) {
  on_one_worker([] {
    jthread worker([] { this_fiber::sleep_for(forever); });
    settle();
    worker.cancel();
    worker.join();
    EXPECT_TRUE(worker.get_stop_token().stop_requested());
  });
}

}  // namespace
