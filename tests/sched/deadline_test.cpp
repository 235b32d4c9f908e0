// Deadline scopes and cancellation shields.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <limits>
#include <system_error>
#include <thread>

#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/deadline_scope.hpp>

#include "support/fibers.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::cancellation_shield;
using ramie::cancelled;
using ramie::deadline_scope;
using ramie::timed_out;
using ramie::test::forever;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::soon;
namespace this_fiber = ramie::this_fiber;

RAMIE_TEST_WITH_WORKERS(Deadline);

TEST(DeadlineScope, EndsAWaitByAnException) {
  on_fiber_and_thread([] {
    deadline_scope const limit(soon);
    try {
      this_fiber::sleep_for(forever);
      ADD_FAILURE() << "it slept to its end";
    } catch (std::system_error const& error) {
      EXPECT_EQ(error.code(), std::errc::timed_out);
    }
    EXPECT_TRUE(limit.expired());
  });
}

TEST(DeadlineScope, IsStickyAndEndsWithTheScope) {
  on_fiber_and_thread([] {
    {
      deadline_scope const limit(0s);
      EXPECT_THROW(this_fiber::sleep_for(forever), timed_out);
      EXPECT_THROW(this_fiber::sleep_for(forever), timed_out);
      EXPECT_THROW(this_fiber::check_cancelled(), timed_out);
    }
    this_fiber::check_cancelled();
    this_fiber::sleep_for(soon);
  });
}

TEST(DeadlineScope, TheNearestRules) {
  on_fiber_and_thread([] {
    deadline_scope const outer(forever);
    {
      deadline_scope const inner(soon);
      EXPECT_THROW(this_fiber::sleep_for(forever), timed_out);
      EXPECT_TRUE(inner.expired());
    }
    EXPECT_FALSE(outer.expired());
    deadline_scope const nearer(soon);
    deadline_scope const farther(forever);
    EXPECT_THROW(this_fiber::sleep_for(forever), timed_out);
    EXPECT_TRUE(nearer.expired());
    EXPECT_FALSE(farther.expired());
  });
}

TEST(DeadlineScope, LeavesTheStatusOfAnOwnTimeOut) {
  on_one_worker([] {
    auto sleeper = ramie::spawn([] { this_fiber::sleep_for(forever); });
    {
      deadline_scope const limit(forever);
      EXPECT_EQ(sleeper.wait_for(soon), std::future_status::timeout);
      EXPECT_EQ(sleeper.wait_for(-1s), std::future_status::timeout);
    }
    deadline_scope const limit(soon);
    EXPECT_THROW(sleeper.wait_for(forever), timed_out);
    EXPECT_THROW(sleeper.join(), timed_out);
    EXPECT_TRUE(sleeper.valid());
  });
}

TEST(DeadlineScope, CompletionWins) {
  on_one_worker([] {
    auto ended = ramie::spawn([] { return 7; });
    while (!ended.done()) this_fiber::yield();
    deadline_scope const limit(0s);
    EXPECT_EQ(ended.wait_for(forever), std::future_status::ready);
    EXPECT_EQ(ended.join(), 7);
  });
}

TEST(DeadlineScope, IsNotInheritedBySpawn) {
  on_one_worker([] {
    deadline_scope const limit(0s);
    auto free = ramie::spawn([] { this_fiber::sleep_for(soon); });
    while (!free.done()) this_fiber::yield();
    free.join();
  });
}

TEST(DeadlineScope, DoesNotBoundExemptWaits) {
  on_one_worker([] {
    deadline_scope const limit(0s);
    this_fiber::yield();
    ramie::fiber sleeper([] { this_fiber::sleep_for(soon); });
    sleeper.join();
    // ~join_handle cancels and waits.
    auto abandoned = ramie::spawn([] { this_fiber::sleep_for(forever); });
  });
}

TEST(DeadlineScope, IsSilentWhileAnExceptionUnwinds) {
  struct waits_at_its_end {
    ~waits_at_its_end() {
      this_fiber::sleep_for(soon);
      this_fiber::check_cancelled();
    }
  };
  on_fiber_and_thread([] {
    deadline_scope const limit(0s);
    auto const unwind = [] {
      waits_at_its_end const last;
      throw 5;
    };
    EXPECT_THROW(unwind(), int);
  });
}

TEST(DeadlineScope, TakesAnyTime) {
  on_fiber_and_thread([] {
    using std::chrono::steady_clock;
    using std::chrono::system_clock;
    using ramie::detail::steady_time;
    auto const ends = [](auto when) {
      deadline_scope const limit(when);
      EXPECT_TRUE(limit.expired());
      EXPECT_THROW(this_fiber::sleep_for(forever), timed_out);
    };
    auto const lasts = [](auto when) {
      deadline_scope const limit(when);
      EXPECT_FALSE(limit.expired());
      this_fiber::sleep_for(soon);
    };
    ends(-1h);
    ends(std::chrono::hours::min());
    ends(std::chrono::duration<double>(-std::numeric_limits<double>::infinity()));
    ends(steady_clock::time_point::min());
    ends(steady_clock::time_point{});
    ends(system_clock::time_point::min());
    ends(steady_clock::now());
    lasts(std::chrono::hours::max());
    lasts(std::chrono::nanoseconds::max());
    lasts(std::chrono::duration<double>(std::numeric_limits<double>::infinity()));
    lasts(steady_clock::time_point::max());
    lasts(system_clock::time_point::max());
    lasts(system_clock::now() + 1h);
    EXPECT_EQ(ramie::detail::current_bounds().deadline, steady_time::max());
  });
}

TEST(DeadlineScope, YieldsToCancellation) {
  on_one_worker([] {
    auto both = ramie::spawn([] {
      deadline_scope const limit(0s);
      this_fiber::yield();  // cancelled meanwhile
      this_fiber::sleep_for(forever);
    });
    this_fiber::yield();
    both.cancel();
    EXPECT_THROW(both.join(), cancelled);
  });
}

TEST(DeadlineScope, FollowsTheRuntimesClock) {
  std::atomic<std::chrono::seconds> hours_later{0s};
  ramie::runtime_options options{.workers = 1};
  options.clock = [&] { return std::chrono::steady_clock::now() + hours_later.load(); };
  ramie::run(options, [&] {
    deadline_scope const limit(1h);
    EXPECT_FALSE(limit.expired());
    hours_later = 2h;
    EXPECT_TRUE(limit.expired());
    EXPECT_THROW(this_fiber::sleep_for(forever), timed_out);
  });
}

// A wake, the scope's deadline and a cancellation race for the same wait.
TEST_P(Deadline, HasOneWinnerPerWait) {
  run_it([] {
    constexpr int rounds = 2000;
    std::atomic<int> ended{0};
    for (int i = 0; i < rounds; ++i) {
      std::atomic<ramie::waiter*> published{nullptr};
      std::atomic<bool> waker_won{false};
      std::atomic<bool> waker_done{false};
      auto sleeper = ramie::spawn([&] {
        deadline_scope const limit(std::chrono::microseconds(i % 50));
        ramie::waiter self;
        published = &self;
        auto const how = self.park({"a race", nullptr});
        // Nobody may touch the waiter once it has gone.
        while (!waker_done.load()) this_fiber::yield();
        EXPECT_EQ(how == ramie::wake::unparked, waker_won.load());
        if (how == ramie::wake::cancelled) ramie::throw_interruption();
      });
      while (published.load() == nullptr) this_fiber::yield();
      auto waker = ramie::spawn([&] {
        ramie::waiter& target = *published.load();
        if (target.claim()) {
          waker_won = true;  // before the resume: the sleeper looks at it
          target.resume();
        }
        waker_done = true;
      });
      if (i % 3 == 0) sleeper.cancel();
      waker.join();
      try {
        sleeper.join();
        ++ended;
      } catch (timed_out const&) {
        ++ended;
      } catch (cancelled const&) {
        EXPECT_EQ(i % 3, 0);
        ++ended;
      }
    }
    EXPECT_EQ(ended.load(), rounds);
  });
}

TEST(CancellationShield, HoldsCancellationBack) {
  on_one_worker([] {
    bool cleaned = false;
    auto shielded = ramie::spawn([&] {
      {
        cancellation_shield const shield;
        cancellation_shield const nested;
        this_fiber::sleep_for(soon);
        this_fiber::check_cancelled();
        cleaned = true;
      }
      this_fiber::sleep_for(forever);
    });
    this_fiber::yield();
    shielded.cancel();
    EXPECT_THROW(shielded.join(), cancelled);
    EXPECT_TRUE(cleaned);
  });
}

TEST(CancellationShield, MasksOuterDeadlinesButNotInnerOnes) {
  on_fiber_and_thread([] {
    deadline_scope const outer(0s);
    {
      cancellation_shield const shield;
      this_fiber::sleep_for(soon);
      {
        deadline_scope const inner(0s);
        EXPECT_THROW(this_fiber::sleep_for(forever), timed_out);
      }
      this_fiber::sleep_for(soon);
    }
    EXPECT_THROW(this_fiber::sleep_for(forever), timed_out);
  });
}

}  // namespace
