// Blocking sections: what they hand over, what they keep, and how the fiber comes back.
#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <random>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/fiber_local.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sched/spawn_blocking.hpp>
#include <ramie/sched/timed_out.hpp>

#include "support/fibers.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;
using test::code_of;
using test::forever;
using test::soon;

RAMIE_TEST_WITH_WORKERS(Blocking);

/// Ends a section of one thread from another.
using signal = std::binary_semaphore;

/// Runs so many sections, none of which ends before all have begun.
void sections_that_meet(int count) {
  std::atomic<int> inside{0};
  std::vector<join_handle<void>> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(spawn([&] {
      blocking([&] {
        ++inside;
        while (inside.load() < count) std::this_thread::yield();
      });
    }));
  }
  for (auto& each : all) each.join();
}

TEST_P(Blocking, GivesBackWhatTheFunctionGives) {
  run_it([] {
    EXPECT_EQ(blocking([](int a, int b) { return a + b; }, 2, 3), 5);
    int place = 0;
    int& same = blocking([&]() -> int& { return place; });
    EXPECT_EQ(&same, &place);
    blocking([&] { place = 1; });
    EXPECT_EQ(place, 1);
    EXPECT_EQ(*blocking([](auto owned) { return owned; }, std::make_unique<int>(7)), 7);
    EXPECT_THROW(blocking([] { throw std::logic_error("its own"); }), std::logic_error);
  });
}

TEST(BlockingOnAThread, SimplyCalls) {
  std::thread::id const here = std::this_thread::get_id();
  EXPECT_EQ(blocking([] { return std::this_thread::get_id(); }), here);
  EXPECT_THROW(blocking([] { throw 1; }), int);
}

TEST_P(Blocking, OthersRunMeanwhile) {
  run_it([] {
    signal let_go(0);
    auto blocked = spawn([&] { blocking([&] { let_go.acquire(); }); });
    // Each of these would hang if the workers waited for the section: spawned, woken, by time.
    spawn([] { this_fiber::yield(); }).join();
    this_fiber::sleep_for(1ms);
    let_go.release();
    blocked.join();
  });
}

TEST_P(Blocking, AllWorkersAtOnce) {
  run_it([] { sections_that_meet(16); });
}

TEST_P(Blocking, RunsInTheNameOfTheFiber) {
  run_it([] {
    static fiber_local<int> mine;
    spawn({.name = "reader"}, [] {
      *mine = 3;
      auto const id = this_fiber::get_id();
      EXPECT_NE(this_worker::id(), -1);
      blocking([&] {
        EXPECT_EQ(this_fiber::get_id(), id);
        EXPECT_EQ(this_fiber::name(), "reader");
        EXPECT_EQ(*mine, 3);
        *mine = 4;
        EXPECT_EQ(this_worker::id(), -1);
        EXPECT_EQ(blocking([] { return this_fiber::get_id(); }), id) << "nested";
      });
      EXPECT_EQ(*mine, 4);
      EXPECT_EQ(this_fiber::get_id(), id);
      EXPECT_NE(this_worker::id(), -1);
    }).join();
  });
}

TEST_P(Blocking, WaitsInsideBlockTheThread) {
  run_it([] {
    int const sum = blocking([] {
      this_fiber::sleep_for(1ms);
      this_fiber::yield();
      return spawn([] { return 2; }).join() + spawn_blocking([] { return 3; }).join();
    });
    EXPECT_EQ(sum, 5);
  });
}

TEST_P(Blocking, KeepsErrnoAndExceptionsInFlight) {
  run_it([] {
    for (int i = 0; i < 100; ++i) {
      test::errno_here() = 1000 + i;
      blocking([&] { EXPECT_EQ(test::errno_here(), 1000 + i); });
      EXPECT_EQ(test::errno_here(), 1000 + i);
      try {
        throw i;
      } catch (int) {
        blocking([] { EXPECT_THROW(throw "inner", char const*); });
        try {
          throw;
        } catch (int caught) {
          EXPECT_EQ(caught, i);
        }
      }
    }
  });
}

TEST_P(Blocking, IsEnteredAndLeftWhileUnwinding) {
  struct slow_end {
    ~slow_end() {
      blocking([] { EXPECT_EQ(std::uncaught_exceptions(), 1); });
      this_fiber::yield();
    }
  };
  run_it([] {
    EXPECT_THROW(
        {
          slow_end const guard;
          throw 1;
        },
        int);
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  });
}

// --- cancellation and deadlines

TEST_P(Blocking, CancellationIsSeenByCheckCancelledAndByTheNextWait) {
  run_it([] {
    signal let_go(0);
    std::atomic<bool> inside{false};
    auto fiber = spawn([&] {
      blocking([&] {
        inside = true;
        let_go.acquire();
        this_fiber::sleep_for(soon);  // not delivered here
        EXPECT_THROW(this_fiber::check_cancelled(), cancelled);
      });
      EXPECT_THROW(this_fiber::sleep_for(forever), cancelled);
      throw cancelled();
    });
    while (!inside) this_fiber::yield();
    fiber.cancel();
    let_go.release();
    EXPECT_THROW(fiber.join(), cancelled);
  });
}

TEST_P(Blocking, AFunctionOfSpawnBlockingSeesItsCancellation) {
  run_it([] {
    std::atomic<bool> inside{false};
    auto job = spawn_blocking([&] {
      inside = true;
      for (;;) this_fiber::check_cancelled();
    });
    while (!inside) this_fiber::yield();
    job.cancel();
    EXPECT_THROW(job.join(), cancelled);
  });
}

TEST_P(Blocking, DeadlinesBoundTheWaitsInside) {
  run_it([] {
    deadline_scope const bound(soon);
    EXPECT_THROW(blocking([] { this_fiber::sleep_for(forever); }), timed_out);
    EXPECT_TRUE(bound.expired());
    EXPECT_THROW(blocking([] { this_fiber::check_cancelled(); }), timed_out);
  });
  run_it([] {
    blocking([] {
      deadline_scope const bound(soon);
      EXPECT_THROW(this_fiber::sleep_for(forever), timed_out);
    });
    this_fiber::sleep_for(1ms);  // the scope is gone
  });
}

// --- pinned fibers

TEST_P(Blocking, APinnedFiberReturnsOnItsThread) {
  run_it([] {
    std::atomic<bool> done{false};
    std::vector<join_handle<void>> busy;
    for (int i = 0; i < 8; ++i) {
      busy.push_back(spawn([&] {
        while (!done) this_fiber::yield();
      }));
    }
    auto const pin = this_fiber::pin();
    pid_t const mine = ::gettid();
    for (int i = 0; i < 100; ++i) {
      blocking([&] { EXPECT_EQ(::gettid(), mine); });
      EXPECT_EQ(::gettid(), mine);
      EXPECT_NE(this_worker::id(), -1);
      this_fiber::yield();
      EXPECT_EQ(::gettid(), mine);
    }
    done = true;
    for (auto& each : busy) each.join();
  });
}

TEST(BlockingOnOneWorker, AFiberPinnedToAThreadThatBlocksWaitsForIt) {
  test::on_one_worker([] {
    signal let_go(0);
    pid_t pinned_on{};
    std::atomic<bool> ran{false};
    std::atomic<waiter*> parked{nullptr};
    auto pinned = spawn({.pinned = true}, [&] {
      pinned_on = ::gettid();
      waiter self;
      parked = &self;
      self.park({"its friend", nullptr});
      EXPECT_EQ(::gettid(), pinned_on);
      ran = true;
    });
    while (parked.load() == nullptr) this_fiber::yield();
    auto blocked = spawn([&] { blocking([&] { let_go.acquire(); }); });
    this_fiber::yield();
    spawn([&] {
      parked.load()->unpark();
      for (int i = 0; i < 100; ++i) this_fiber::yield();
      EXPECT_FALSE(ran) << "its thread is in the section";
      EXPECT_NE(::gettid(), pinned_on);
      let_go.release();
    }).join();
    pinned.join();
    blocked.join();
    EXPECT_TRUE(ran);
  });
}

TEST_P(Blocking, AThreadWithoutAWorkerGetsOneForItsPinnedFiber) {
  run_it([] {
    // All on one thread: the parked fiber is pinned to it, and a section takes its worker away.
    std::atomic<waiter*> parked{nullptr};
    auto pinned = spawn({.pinned = true}, [&] {
      pid_t const mine = ::gettid();
      for (int i = 0; i < 50; ++i) {
        waiter self;
        parked = &self;
        self.park({"its friend", nullptr});
        EXPECT_EQ(::gettid(), mine);
        blocking([&] { EXPECT_EQ(::gettid(), mine); });
      }
    });
    std::vector<join_handle<void>> sections;
    std::atomic<bool> done{false};
    for (int i = 0; i < 4; ++i) {
      sections.push_back(spawn([&] {
        while (!done) blocking([] { std::this_thread::yield(); });
      }));
    }
    for (int i = 0; i < 50; ++i) {
      waiter* who = nullptr;
      while ((who = parked.exchange(nullptr)) == nullptr) this_fiber::yield();
      who->unpark();
    }
    pinned.join();
    done = true;
    for (auto& each : sections) each.join();
  });
}

// --- limits and errors

TEST(BlockingLimit, BoundsTheSectionsAtOnce) {
  run({.workers = 2, .max_blocking_threads = 3}, [] {
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::vector<join_handle<void>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(spawn([&] {
        blocking([&] {
          int const now = ++inside;
          int seen = most.load();
          while (seen < now && !most.compare_exchange_weak(seen, now)) continue;
          for (int n = 0; n < 100; ++n) std::this_thread::yield();
          --inside;
        });
      }));
    }
    for (auto& each : all) each.join();
    EXPECT_LE(most.load(), 3);
  });
}

TEST(BlockingLimit, WaitingForAPlaceCanBeInterrupted) {
  run({.workers = 1, .max_blocking_threads = 1}, [] {
    signal let_go(0);
    auto holder = spawn([&] { blocking([&] { let_go.acquire(); }); });
    this_fiber::yield();
    bool called = false;
    EXPECT_THROW(
        {
          deadline_scope const bound(soon);
          blocking([&] { called = true; });
        },
        timed_out);
    auto waits = spawn([&] { blocking([&] { called = true; }); });
    this_fiber::yield();
    waits.cancel();
    EXPECT_THROW(waits.join(), cancelled);
    EXPECT_FALSE(called);
    let_go.release();
    holder.join();
    blocking([&] { called = true; });
    EXPECT_TRUE(called);
  });
}

TEST_P(Blocking, MisuseInsideIsReported) {
  runtime here({.workers = GetParam()});
  here.run([&] {
    blocking([&] {
      EXPECT_EQ(code_of([&] { (void)here.shutdown(0s); }),
                std::errc::resource_deadlock_would_occur);
    });
    join_handle<void> self;
    std::atomic<bool> given{false};
    self = spawn([&] {
      while (!given) this_fiber::yield();
      blocking([&] {
        EXPECT_EQ(code_of([&] { self.join(); }), std::errc::resource_deadlock_would_occur);
      });
    });
    given = true;
    while (!self.done()) this_fiber::yield();
    self.join();
  });
}

TEST_P(Blocking, ShutdownTellsWhoBlocks) {
  runtime here({.workers = GetParam()});
  signal inside(0);
  signal let_go(0);
  auto fiber = here.spawn({.name = "stuck"}, [&] {
    blocking([&] {
      inside.release();
      let_go.acquire();
    });
  });
  inside.acquire();
  shutdown_report const report = here.shutdown(soon);
  ASSERT_EQ(report.unfinished.size(), 1U);
  EXPECT_EQ(report.unfinished[0].name, "stuck");
  EXPECT_EQ(report.unfinished[0].state, "blocking");
  let_go.release();
  EXPECT_TRUE(here.shutdown(forever));
  fiber.join();
}

// --- the threads

TEST_P(Blocking, BackupThreadsAreReusedAndEnd) {
  std::atomic<int> started{0};
  std::atomic<int> stopped{0};
  {
    runtime here({.workers = GetParam(),
                  .blocking_keep_alive = 1ms,
                  .on_worker_start = [&](unsigned) { ++started; },
                  .on_worker_stop = [&](unsigned) { ++stopped; }});
    constexpr int count = 8;
    here.run([] { sections_that_meet(count); });
    EXPECT_GE(started.load(), count);
    // An event: those that have been idle for a millisecond end.
    while (here.metrics().backup_threads != 0) std::this_thread::yield();
    here.run([] { blocking([] {}); });
  }
  EXPECT_EQ(started.load(), stopped.load());
}

// Everything at once: sections of any length, pinned and not, sleeps, yields and parks.
// A thread that has left the bench may be long about its end: it runs destructors of users.
TEST(Blocking, AThreadThatIsStillEndingIsNotWaitedFor) {
  static std::atomic<runtime*> asked{nullptr};
  static std::atomic<bool> ends{false};
  static std::atomic<bool> may_go_on{false};
  struct guard {
    ~guard() {
      if (ends.exchange(true)) return;
      while (!may_go_on) std::this_thread::yield();
      static_cast<void>(asked.load()->metrics());
    }
  };
  runtime here({.workers = 1, .blocking_keep_alive = 1ms, .on_worker_start = [](unsigned) {
                  static thread_local guard const at_end;
                }});
  asked = &here;
  here.run([] { blocking([] {}); });
  while (!ends) std::this_thread::yield();
  here.run([] { blocking([] {}); });
  may_go_on = true;
}

TEST_P(Blocking, Stress) {
  unsigned const seed = test::test_seed();
  SCOPED_TRACE(seed);
  run({.workers = GetParam(), .blocking_keep_alive = 0ms, .seed = seed | 1ULL}, [&] {
    constexpr int fibers = 40;
    std::atomic<std::uint64_t> sum{0};
    std::vector<join_handle<void>> all;
    for (int i = 0; i < fibers; ++i) {
      all.push_back(spawn({.pinned = i % 5 == 0}, [&, i] {
        std::mt19937 random(seed + static_cast<unsigned>(i));
        bool const pinned = i % 5 == 0;
        pid_t const mine = ::gettid();
        for (int n = 0; n < 100; ++n) {
          switch (random() % 5) {
            case 0:
              this_fiber::yield();
              break;
            case 1:
              this_fiber::sleep_for(std::chrono::microseconds(random() % 200));
              break;
            case 2:
              sum += blocking([&] { return 1U; });
              break;
            case 3:
              sum += blocking([&] {
                test::pause_for(static_cast<int>(random() % 2000));
                return spawn([] { return 1U; }).join();
              });
              break;
            default:
              spawn([] { this_fiber::yield(); }).join();
              break;
          }
          if (pinned) {
            EXPECT_EQ(::gettid(), mine);
          }
        }
        sum += 1000;
      }));
    }
    for (auto& each : all) each.join();
    EXPECT_GT(sum.load(), fibers * 1000U);
  });
}

}  // namespace
}  // namespace ramie
