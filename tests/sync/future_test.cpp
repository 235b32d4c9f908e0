#include <ramie/sync/future.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sync/async.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/packaged_task.hpp>
#include <ramie/sync/promise.hpp>

#include "../sched/any_time.hpp"
#include "../support/fibers.hpp"

namespace {

using ramie::future;
using ramie::promise;
using ramie::spawn;
using ramie::test::forever;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(FutureStress);

template <class F>
std::error_code future_error_of(F f) {
  try {
    f();
  } catch (std::future_error const& error) {
    return error.code();
  }
  return {};
}

TEST(Future, AnInterruptedWaitLeavesItValid) {
  ramie::test::on_one_worker([] {
    promise<int> p;
    future<int> f = p.get_future();
    auto waiter = spawn([&f] { return f.get(); });
    settle();
    waiter.cancel();
    EXPECT_THROW(waiter.join(), ramie::cancelled);
    p.set_value(3);
    EXPECT_EQ(f.get(), 3);
  });
}

TEST(Future, TimedWaitsTellTheirOwnTimeFromTheScopes) {
  auto const wait = [] {
    promise<int> p;
    future<int> f = p.get_future();
    EXPECT_EQ(f.wait_for(soon), std::future_status::timeout);
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(f.wait_for(forever), ramie::timed_out);
    EXPECT_THROW(f.get(), ramie::timed_out);
    p.set_value(1);
    EXPECT_EQ(f.get(), 1);  // It need not wait.
  };
  wait();
  ramie::test::on_one_worker(wait);
}

TEST(Future, TakesEveryTime) {
  auto const wait = [](future<int>& f, auto when) {
    if constexpr (ramie::test::is_duration<decltype(when)>) {
      return f.wait_for(when);
    } else {
      return f.wait_until(when);
    }
  };
  ramie::test::on_one_worker([&wait] {
    ramie::test::for_times_that_have_come([&wait](auto when) {
      promise<int> p;
      auto f = p.get_future();
      EXPECT_EQ(wait(f, when), std::future_status::timeout);
    });
    ramie::test::for_times_that_never_come([&wait](auto when) {
      promise<int> p;
      auto f = p.get_future();
      auto waiter = spawn([&] { return wait(f, when); });
      settle();
      EXPECT_FALSE(waiter.done());
      p.set_value(1);
      EXPECT_EQ(waiter.join(), std::future_status::ready);
    });
  });
}

TEST(Future, OneOfManyProvidersWins) {
  ramie::run({.workers = 2}, [] {
    for (int round = 0; round < 100; ++round) {
      promise<int> p;
      auto f = p.get_future();
      std::atomic<int> refused{0};
      ramie::test::fibers_and_threads(4, [&](int who) {
        refused += future_error_of([&] { p.set_value(who); }) ==
                   std::future_errc::promise_already_satisfied;
      });
      EXPECT_EQ(refused.load(), 3);
      EXPECT_LT(f.get(), 4);
    }
  });
}

TEST(Async, ACancelledCallsExceptionGoesToTheFuture) {
  ramie::test::on_one_worker([] {
    auto f = ramie::async([] { throw ramie::cancelled(); });
    EXPECT_THROW(f.get(), ramie::cancelled);
  });
}

TEST(Async, TheEndOfTheRuntimeLeavesNoFutureWaiting) {
  ramie::runtime rt({.workers = 1});
  future<int> left;
  rt.run([&] { left = ramie::async(std::launch::async, [] { return 1; }); });
  EXPECT_TRUE(rt.shutdown(forever));
  // Whether it was begun is the scheduler's choice; it has ended either way.
  try {
    EXPECT_EQ(left.get(), 1);
  } catch (std::future_error const& error) {
    EXPECT_EQ(error.code(), std::future_errc::broken_promise);
  }
}

TEST(Async, TheFuturesEndIsNotInterrupted) {
  ramie::test::on_one_worker([] {
    bool go = false;
    bool ended = false;
    auto owner = spawn([&] {
      ramie::deadline_scope const over(-soon);
      auto const f = ramie::async(std::launch::async, [&] {
        while (!go) ramie::this_fiber::yield();
        ended = true;
      });
    });
    settle();
    owner.cancel();
    settle();
    EXPECT_FALSE(owner.done());
    go = true;
    settle();
    EXPECT_TRUE(ended);
  });
}

TEST(Async, WhatInterruptsAWaiterIsNoResultOfADeferredCall) {
  for (bool const by_deadline : {false, true}) {
    ramie::test::on_one_worker([by_deadline] {
      ramie::event go;
      auto const shared = ramie::async(std::launch::deferred, [&go] {
                            go.wait();
                            return 1;
                          }).share();
      auto first = spawn([&] {
        std::optional<ramie::deadline_scope> limit;
        if (by_deadline) limit.emplace(-soon);
        return shared.get();
      });
      settle();
      if (!by_deadline) first.cancel();
      settle();
      EXPECT_FALSE(first.done());
      auto second = spawn([&] { return shared.get(); });
      go.set();
      EXPECT_EQ(second.join(), 1);
      EXPECT_EQ(first.join(), 1);
    });
  }
}

TEST(Async, WorksOutsideAnyRuntime) {
  EXPECT_EQ(ramie::async([] { return 2; }).get(), 2);
  std::thread([] { EXPECT_EQ(ramie::async([] { return 2; }).get(), 2); }).join();
}

TEST_P(FutureStress, SharedByFibersAndThreads) {
  run_it([] {
    for (int round = 0; round < 100; ++round) {
      auto made = std::make_unique<promise<std::vector<int>>>();
      auto const shared = made->get_future().share();
      ramie::test::fibers_and_threads(6, [&](int who) {
        if (who == 4) {
          made->set_value(std::vector<int>(100, round));
        } else {
          EXPECT_EQ(shared.get().at(99), round);
        }
      });
    }
  });
}

TEST_P(FutureStress, AFirstWaitOfManyMakesADeferredCall) {
  run_it([] {
    for (int round = 0; round < 100; ++round) {
      int calls = 0;
      auto const shared = ramie::async(std::launch::deferred, [&calls] {
                            ramie::this_fiber::yield();
                            return ++calls;
                          }).share();
      ramie::test::fibers_and_threads(4, [&](int) { EXPECT_EQ(shared.get(), 1); });
    }
  });
}

struct promised {
  promise<int> p;
  future<int> f = p.get_future();
};

std::shared_ptr<promised> new_promise() {
  return std::make_shared<promised>();
}

TEST_P(FutureStress, APromiseMayBeDestroyedByWhoeverWasWoken) {
  run_it([] {
    ramie::test::destroy_as_soon_as_woken(
        &new_promise, [](promised& it) { it.p.set_value(1); },
        [](promised& it) { EXPECT_EQ(it.f.get(), 1); });
  });
}

TEST(FutureStress, AProviderIsDoneWithItWhenAWaitReturns) {
  ramie::test::destroy_while_the_waker_leaves(
      &new_promise, [](promised& it) { it.p.set_value(1); },
      [](promised& it) { EXPECT_EQ(it.f.get(), 1); });
}

}  // namespace
