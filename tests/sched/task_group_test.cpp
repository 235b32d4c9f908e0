// task_group, when_all and race.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <variant>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/race.hpp>
#include <ramie/sched/task_group.hpp>
#include <ramie/sched/when_all.hpp>

#include "support/fibers.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::cancelled;
using ramie::deadline_scope;
using ramie::race;
using ramie::spawn;
using ramie::task_group;
using ramie::timed_out;
using ramie::when_all;
using ramie::test::code_of;
using ramie::test::forever;
using ramie::test::on_one_worker;
using ramie::test::settle;
using ramie::test::soon;
namespace this_fiber = ramie::this_fiber;

RAMIE_TEST_WITH_WORKERS(TaskGroup);

/// Sleeps until it is cancelled, and says so.
struct sleeper {
  std::atomic<int>& cancelled_ones;
  void operator()() const {
    try {
      this_fiber::sleep_for(forever);
    } catch (cancelled const&) {
      ++cancelled_ones;
      throw;
    }
  }
};

TEST_P(TaskGroup, WaitsForAllTasks) {
  run_it([] {
    std::atomic<int> sum{0};
    task_group group;
    group.wait();  // of nothing
    for (int round = 0; round < 20; ++round) {
      for (int i = 1; i <= 100; ++i) {
        group.spawn(
            [&](std::unique_ptr<int> n) {
              this_fiber::yield();
              sum += *n;
            },
            std::make_unique<int>(i));
      }
      group.wait();
      EXPECT_EQ(sum.exchange(0), 5050);
    }
  });
}

TEST_P(TaskGroup, TasksMaySpawnIntoIt) {
  run_it([] {
    std::atomic<int> leaves{0};
    task_group group;
    struct branch {
      task_group& group;
      std::atomic<int>& leaves;
      int depth;
      void operator()() const {
        if (depth == 0) {
          ++leaves;
          return;
        }
        for (int i = 0; i < 3; ++i) group.spawn(branch{group, leaves, depth - 1});
      }
    };
    group.spawn(branch{group, leaves, 6});
    group.wait();
    EXPECT_EQ(leaves.load(), 729);
  });
}

TEST_P(TaskGroup, TheFirstExceptionCancelsTheOthers) {
  run_it([] {
    task_group group;
    for (int round = 0; round < 100; ++round) {
      std::atomic<int> begun{0};
      std::atomic<int> cancelled_ones{0};
      for (int i = 0; i < 5; ++i) {
        group.spawn([&] {
          ++begun;
          sleeper{cancelled_ones}();
        });
      }
      group.spawn([] { throw std::runtime_error("first"); });
      EXPECT_THROW(group.wait(), std::runtime_error);
      EXPECT_EQ(cancelled_ones.load(), begun.load());
      group.wait();  // It can be used again, and has forgotten the exception.
    }
  });
}

TEST(TaskGroupOnOneWorker, LateTasksOfAFailedGroupNeverBegin) {
  on_one_worker([] {
    bool ran = false;
    task_group group;
    group.spawn([&] {
      group.spawn([] { throw 1; });
      settle();
      group.spawn([&] { ran = true; });
    });
    EXPECT_THROW(group.wait(), int);
    EXPECT_FALSE(ran);
    group.spawn([&] { ran = true; });
    group.wait();
    EXPECT_TRUE(ran);
  });
}

TEST(TaskGroupOnOneWorker, ACancelledTaskHasNotFailed) {
  on_one_worker([] {
    std::atomic<int> cancelled_ones{0};
    task_group group;
    for (int i = 0; i < 3; ++i) group.spawn(sleeper{cancelled_ones});
    settle();
    group.cancel();
    group.wait();
    EXPECT_EQ(cancelled_ones.load(), 3);
    // Thrown by one that was not cancelled it is an exception like others.
    group.spawn([] { throw cancelled{}; });
    EXPECT_THROW(group.wait(), cancelled);
  });
}

TEST(TaskGroupOnOneWorker, ItsEndCancelsAndWaits) {
  on_one_worker([] {
    std::atomic<int> cancelled_ones{0};
    bool cleaned = false;
    try {
      task_group group;
      group.spawn(sleeper{cancelled_ones});
      group.spawn([&] {
        ramie::cancellation_shield const shield;
        this_fiber::sleep_for(soon);
        cleaned = true;
        throw 2;  // dropped
      });
      settle();
      throw 1;
    } catch (int thrown) {
      EXPECT_EQ(thrown, 1);
    }
    EXPECT_EQ(cancelled_ones.load(), 1);
    EXPECT_TRUE(cleaned);
  });
}

TEST(TaskGroupOnOneWorker, ACancelledWaitTakesTheTasksAlong) {
  on_one_worker([] {
    std::atomic<int> cancelled_ones{0};
    auto waits = spawn([&] {
      task_group group;
      group.spawn(sleeper{cancelled_ones});
      EXPECT_THROW(group.wait(), cancelled);
      EXPECT_EQ(cancelled_ones.load(), 1);
      group.wait();  // nothing is left to wait for
      throw 3;
    });
    settle();
    waits.cancel();
    EXPECT_THROW(waits.join(), int);
  });
}

TEST(TaskGroupOnOneWorker, TasksInheritTheDeadlineOfTheGroup) {
  on_one_worker([] {
    std::atomic<bool> plain_ended{false};
    {
      deadline_scope const limit(soon);
      task_group group;
      group.spawn([] {
        deadline_scope const farther(forever);
        this_fiber::sleep_for(forever);
      });
      EXPECT_THROW(group.wait(), timed_out);
    }
    // Of the scope around the group, not of the one around the spawn.
    task_group group;
    {
      deadline_scope const limit(0s);
      group.spawn([&] {
        this_fiber::sleep_for(soon);
        plain_ended = true;
      });
    }
    group.wait();
    EXPECT_TRUE(plain_ended.load());
  });
}

TEST(TaskGroupOnOneWorker, AnExpiredWaitTakesTheTasksAlong) {
  on_one_worker([] {
    std::atomic<int> cancelled_ones{0};
    task_group group;
    group.spawn(sleeper{cancelled_ones});
    settle();
    deadline_scope const limit(soon);
    EXPECT_THROW(group.wait(), timed_out);
    EXPECT_EQ(cancelled_ones.load(), 1);
  });
}

TEST_P(TaskGroup, ABoundedOneLimitsHowManyRun) {
  run_it([] {
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    task_group group({.max_running = 3});
    for (int i = 0; i < 200; ++i) {
      group.spawn([&] {
        int const now = ++running;
        int seen = most.load();
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        this_fiber::yield();
        --running;
      });
    }
    group.wait();
    EXPECT_LE(most.load(), 3);
  });
}

TEST(TaskGroupOnOneWorker, AFullOneRefusesOrWaits) {
  on_one_worker([] {
    std::atomic<int> cancelled_ones{0};
    task_group group({.max_running = 1});
    EXPECT_TRUE(group.try_spawn(sleeper{cancelled_ones}));
    EXPECT_FALSE(group.try_spawn([] {}));
    {
      deadline_scope const limit(soon);
      EXPECT_THROW(group.spawn([] {}), timed_out);
    }
    settle();
    bool ran = false;
    auto spawner = spawn([&] { group.spawn([&] { ran = true; }); });
    settle();
    group.cancel();
    spawner.join();
    group.wait();
    EXPECT_EQ(cancelled_ones.load(), 1);
    EXPECT_TRUE(group.try_spawn([] {}));
    group.wait();
  });
}

TEST(TaskGroupOnOneWorker, MisuseIsAnError) {
  on_one_worker([] {
    task_group group;
    std::error_code own;
    group.spawn([&] { own = code_of([&] { group.wait(); }); });
    group.wait();
    EXPECT_EQ(own, std::errc::resource_deadlock_would_occur);

    group.spawn([] { this_fiber::sleep_for(forever); });
    auto first = spawn([&] { group.wait(); });
    settle();
    EXPECT_EQ(code_of([&] { group.wait(); }), std::errc::device_or_resource_busy);
    group.cancel();
    first.join();
  });
}

TEST(TaskGroupOnOneWorker, AFailedSpawnLeavesItUsable) {
  on_one_worker([] {
    struct throws_when_copied {
      throws_when_copied() = default;
      throws_when_copied(throws_when_copied const&) { throw 4; }
      void operator()() const {}
    } const f;
    task_group group;
    EXPECT_THROW(group.spawn(f), int);
    group.wait();
  });
}

TEST(TaskGroupOfThreads, WorksOnPlainThreads) {
  std::thread([] {
    std::atomic<int> sum{0};
    task_group group;
    for (int i = 0; i < 10; ++i) group.spawn([&] { ++sum; });
    group.wait();
    EXPECT_EQ(sum.load(), 10);
    group.spawn([] { throw 5; });
    EXPECT_THROW(group.wait(), int);
    group.spawn([] { this_fiber::sleep_for(forever); });
    deadline_scope const limit(soon);
    EXPECT_THROW(group.wait(), timed_out);
  }).join();
}

// Tasks end, fail and are cancelled while the group is waited for and goes.
TEST_P(TaskGroup, SurvivesEveryOrderOfEnds) {
  run_it([] {
    for (int i = 0; i < 2000; ++i) {
      task_group group;
      auto canceller = spawn([&group] { group.cancel(); });
      for (int n = 0; n < 4; ++n) {
        group.spawn([n, i] {
          if (n == i % 8) throw n;
          if (n % 2 == 0) this_fiber::sleep_for(std::chrono::microseconds(i % 30));
        });
      }
      try {
        group.wait();
      } catch (int thrown) {
        EXPECT_EQ(thrown, i % 8);
      }
      canceller.join();
    }
  });
}

TEST_P(TaskGroup, WhenAllGivesAllResults) {
  run_it([] {
    int number = 7;
    auto [a, b, c, d] = when_all([] { return 1; }, [] { return std::string("two"); }, [] {},
                                 [&]() -> int& { return number; });
    static_assert(std::is_same_v<decltype(c), std::monostate>);
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, "two");
    EXPECT_EQ(&d, &number);
    static_assert(std::is_same_v<decltype(when_all()), std::tuple<>>);
    EXPECT_EQ(*std::get<0>(when_all([] { return std::make_unique<int>(3); })), 3);
  });
}

TEST_P(TaskGroup, WhenAllCancelsTheOthersOnAnException) {
  run_it([] {
    std::atomic<int> cancelled_ones{0};
    std::atomic<int> begun{0};
    EXPECT_THROW(when_all(
                     [&] {
                       ++begun;
                       sleeper{cancelled_ones}();
                       return std::string("destroyed");
                     },
                     []() -> int { throw 6; }),
                 int);
    EXPECT_EQ(cancelled_ones.load(), begun.load());
  });
}

TEST_P(TaskGroup, RaceGivesTheFirstAndEndsTheOthers) {
  run_it([] {
    for (int i = 0; i < 200; ++i) {
      std::atomic<int> cancelled_ones{0};
      std::atomic<int> begun{0};
      int const first = race([] { return 1; },
                             [&] {
                               ++begun;
                               sleeper{cancelled_ones}();
                               return 2;
                             });
      EXPECT_EQ(first, 1);
      EXPECT_EQ(cancelled_ones.load(), begun.load());
    }
  });
}

TEST(Race, HasTheCommonTypeOrAVariant) {
  on_one_worker([] {
    auto const forever_and = [](auto result) {
      return [result] {
        this_fiber::sleep_for(forever);
        return result;
      };
    };
    static_assert(std::is_same_v<decltype(race([] { return 1; }, [] { return 2.0; })), double>);
    EXPECT_EQ(race([] { return 1; }, forever_and(2.5)), 1.0);

    auto const mixed = race(
        forever_and(1), [] { return std::string("text"); }, [] { this_fiber::sleep_for(forever); });
    static_assert(
        std::is_same_v<decltype(mixed), std::variant<int, std::string, std::monostate> const>);
    EXPECT_EQ(std::get<1>(mixed), "text");

    static_assert(std::is_void_v<decltype(race([] {}, [] {}))>);
    race([] {}, [] { this_fiber::sleep_for(forever); });
    EXPECT_EQ(*race([] { return std::make_unique<int>(8); }), 8);
  });
}

TEST(Race, TheFirstMayThrow) {
  on_one_worker([] {
    EXPECT_THROW(race([]() -> int { throw std::runtime_error("first"); },
                      [] {
                        this_fiber::sleep_for(forever);
                        return 1;
                      }),
                 std::runtime_error);
    EXPECT_THROW(race([] { throw cancelled{}; }, [] { this_fiber::sleep_for(forever); }),
                 cancelled);
  });
}

TEST(Race, ObeysDeadlinesAndCancellation) {
  on_one_worker([] {
    {
      deadline_scope const limit(soon);
      EXPECT_THROW(race([] { this_fiber::sleep_for(forever); }), timed_out);
    }
    auto stopped = spawn([] { race([] { this_fiber::sleep_for(forever); }); });
    settle();
    stopped.cancel();
    EXPECT_THROW(stopped.join(), cancelled);
  });
}

TEST(Race, CompletionWins) {
  on_one_worker([] {
    auto both = spawn([] {
      return race([] {
        ramie::cancellation_shield const shield;
        this_fiber::sleep_for(soon);
        return 9;
      });
    });
    settle();
    both.cancel();
    EXPECT_EQ(both.join(), 9);
  });
}

TEST(TaskGroupMisuse, AMemberThatBlocksIsAMemberStill) {
  on_one_worker([] {
    task_group group;
    std::error_code code;
    group.spawn([&] { code = code_of([&] { ramie::blocking([&] { group.wait(); }); }); });
    group.wait();
    EXPECT_EQ(code, std::errc::resource_deadlock_would_occur);
  });
}

// The second function gets no fiber; the first still uses what belongs to the call.
TEST(Race, EndsInOrderWhenItCannotBegin) {
  ramie::run({.workers = 1, .max_fibers = 2}, [] {
    bool ended = false;
    EXPECT_THROW(
        {
          deadline_scope const soon_over(soon);
          race(
              [&] {
                ramie::cancellation_shield const shield;
                this_fiber::sleep_for(2 * soon);
                ended = true;
              },
              [] {});
        },
        timed_out);
    EXPECT_TRUE(ended);
  });
}

}  // namespace
