// How threads hand a worker to each other around blocking sections: who is woken for it, who
// waits for it, and what is left when a section has ended. Every test waits for events, without a
// limit of its own.
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <semaphore>
#include <system_error>
#include <thread>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sched/timed_out.hpp>

#include "core.hpp"
#include "support/fibers.hpp"
#include "worker_thread.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;
using test::forever;
using test::on_one_worker;
using test::soon;

/// A fiber that is pinned to the thread on which it is made, and parks there from wake to wake.
class pinned_sleeper {
 public:
  /// Called by a fiber, on a runtime of one worker.
  pinned_sleeper() : fiber_(spawn({.pinned = true}, [this] { run(); })) { until_parked(); }

  void until_parked() const {
    while (parked_.load() == nullptr) this_fiber::yield();
  }
  /// Once for each time that it has parked. Any thread.
  void wake() { parked_.exchange(nullptr)->unpark(); }
  int wakes() const { return wakes_.load(); }
  void end() {
    fiber_.cancel();
    EXPECT_THROW(fiber_.join(), cancelled);
  }

 private:
  void run() {
    pid_t const home = ::gettid();
    for (;;) {
      waiter self;
      parked_ = &self;
      if (self.park({"a wake", nullptr}) != wake::unparked) throw_interruption();
      EXPECT_EQ(::gettid(), home);
      ++wakes_;
    }
  }

  std::atomic<waiter*> parked_{nullptr};
  std::atomic<int> wakes_{0};
  join_handle<void> fiber_;
};

/// A blocking section on the thread that holds the only worker, which another thread has once this
/// is made.
class open_section {
 public:
  open_section()
      : fiber_(spawn([this] {
          blocking([this] {
            begun_ = true;
            may_end_.acquire();
          });
        })) {
    while (!begun_) this_fiber::yield();
  }
  void end() {
    may_end_.release();
    fiber_.join();
  }

 private:
  std::atomic<bool> begun_{false};
  std::binary_semaphore may_end_{0};
  join_handle<void> fiber_;
};

/// Of a runtime of two workers: both have their threads.
void start_both_workers() {
  std::atomic<bool> second_runs{false};
  auto second = spawn([&] { second_runs = true; });
  while (!second_runs) std::this_thread::yield();  // On the other worker, then.
  second.join();
}

// --- who is woken for a worker that was handed over

/// Until there is a thread that sleeps without a worker, and would get this one's.
void blocking_until_kept() {
  for (bool kept = false; !kept;) {
    pid_t const before = ::gettid();
    blocking([] {});
    kept = ::gettid() == before;
  }
}

TEST(HandOver, ASectionWithNobodyElseThereKeepsItsWorker) {
  on_one_worker(blocking_until_kept);
}

TEST(HandOver, ATimerFiresDuringASection) {
  on_one_worker([] {
    for (int i = 0; i < 10; ++i) {  // Mostly with a thread that is there, asleep.
      std::atomic<bool> woken{false};
      auto sleeper = spawn([&] {
        this_fiber::sleep_for(soon);
        woken = true;
      });
      this_fiber::yield();
      blocking([&] {
        while (!woken) std::this_thread::yield();
      });
      sleeper.join();
    }
  });
}

// The worker that waits in the driver has begun to when there was no timer yet. No fiber ends
// meanwhile: that its stack is to be trimmed would wake that worker, too late.
TEST(HandOver, ATimerOfTheWorkerIsLeftToTheOneInTheDriver) {
  runtime here({.workers = 2});
  detail::core& core = detail::runtime_access::core_of(here);
  here.run([&] {
    std::atomic<waiter*> parked{nullptr};
    auto sleeper = spawn([&] {
      for (;;) {
        waiter self;
        parked = &self;
        if (self.park({"its turn", nullptr}) != wake::unparked) throw_interruption();
        this_fiber::sleep_for(soon);
      }
    });
    while (parked.load() == nullptr) std::this_thread::yield();  // It starts the other worker.
    for (int i = 0; i < 20; ++i) {
      while (core.idle.sleeping() != 1) std::this_thread::yield();
      core.wake_one();  // It finds nothing, and the driver free.
      while (core.idle.sleeping() != 1) std::this_thread::yield();
      parked.exchange(nullptr)->unpark(placement::next);
      this_fiber::yield();  // It sets its timer on this worker.
      blocking([&] {
        while (parked.load() == nullptr) std::this_thread::yield();
      });
    }
    sleeper.cancel();
    EXPECT_THROW(sleeper.join(), cancelled);
  });
}

// --- threads that want a worker

/// How often a thread of the process has gone to sleep.
long voluntary_switches() {
  rusage used{};
  EXPECT_EQ(::getrusage(RUSAGE_SELF, &used), 0);
  return used.ru_nvcsw;
}

TEST(HandOver, AWorkerThatSleepsInTheDriverIsGivenToAThreadWithAPinnedFiber) {
  runtime here({.workers = 1});
  std::unique_ptr<pinned_sleeper> pinned;
  here.run([&] { pinned = std::make_unique<pinned_sleeper>(); });
  for (int round = 1; round <= 20; ++round) {
    here.run([] { open_section().end(); });  // The thread of the pinned fiber has no worker now.
    while (here.metrics().workers_sleeping != 1) std::this_thread::yield();
    pinned->wake();
    while (pinned->wakes() != round) std::this_thread::yield();
    here.run([&] { pinned->until_parked(); });
  }
  here.run([&] { pinned->end(); });
}

TEST(HandOver, ThreadsThatWantTheSameWorkerTakeTurns) {
  on_one_worker([] {
    std::deque<pinned_sleeper> pinned;
    std::deque<open_section> sections;
    for (int i = 0; i < 4; ++i) {
      pinned.emplace_back();    // On one thread,
      sections.emplace_back();  // and from here on all run on another.
    }
    for (auto& each : sections) each.end();
    long const before = voluntary_switches();
    for (int round = 1; round <= 20; ++round) {
      for (auto& each : pinned) each.wake();
      for (int i = 0; i < 50; ++i) std::this_thread::yield();  // They queue up meanwhile.
      for (auto const& each : pinned) {
        while (each.wakes() != round) this_fiber::yield();
        each.until_parked();
      }
    }
    EXPECT_LT(voluntary_switches() - before, 4000) << "passed on by whoever was given it";
    for (auto& each : pinned) each.end();
  });
}

TEST(HandOver, OneSectionAfterAnotherLetsTheThreadsPinnedFibersRun) {
  on_one_worker([] {
    blocking_until_kept();
    pinned_sleeper pinned;
    blocking([&] { pinned.wake(); });
    while (pinned.wakes() == 0) blocking([] {});
    pinned.end();
  });
}

TEST(HandOver, AThreadWithAPinnedFiberDoesNotEndWhileItIsIdle) {
  std::atomic<int> ended{0};
  run({.workers = 1, .blocking_keep_alive = 0ms, .on_worker_stop = [&](unsigned) { ++ended; }},
      [&] {
        pinned_sleeper pinned;
        open_section first;  // on the same thread
        open_section second;
        first.end();
        second.end();
        while (ended == 0) this_fiber::yield();  // that of the second one
        pinned.wake();
        while (pinned.wakes() == 0) this_fiber::yield();
        pinned.end();
      });
}

TEST(HandOver, APinnedFiberComesBackToItsThreadFromASection) {
  on_one_worker([] {
    std::atomic<bool> done{false};
    std::atomic<int> turns{0};
    auto busy = spawn([&] {
      for (; !done; ++turns) this_fiber::yield();
    });
    spawn({.pinned = true}, [&] {
      pid_t const home = ::gettid();
      for (int i = 0; i < 10; ++i) {
        blocking([&] {
          for (int const before = turns; turns == before;) std::this_thread::yield();
        });
        EXPECT_EQ(::gettid(), home);
      }
    }).join();
    done = true;
    busy.join();
  });
}

// --- what is left of a section

TEST(HandOver, WhoeverTakesItsWorkerBackSearchesNoLonger) {
  runtime here({.workers = 2});
  detail::core& core = detail::runtime_access::core_of(here);
  here.run([&] {
    for (int i = 0; i < 20; ++i) {
      blocking([] {});
      while (core.idle.searching() != 0) this_fiber::yield();
    }
  });
}

/// Of the worker that the calling fiber runs on.
unsigned worker_index() {
  return detail::current_worker_thread()->works_on().index;
}

/// A fiber that waits in the run-next slot of a worker that computes, while the other worker
/// sleeps: the monitor alone sees that.
void run_what_the_monitor_must_see(runtime& here) {
  std::atomic<waiter*> parked{nullptr};
  std::atomic<bool> ran{false};
  auto other = spawn([&] {
    waiter self;
    parked = &self;
    self.park({"its friend", nullptr});
    ran = true;
  });
  while (parked.load() == nullptr) this_fiber::yield();
  while (here.metrics().workers_sleeping != 1) std::this_thread::yield();
  auto const before = here.metrics().wakeups_sent;
  parked.load()->unpark(placement::next);
  while (!ran) std::this_thread::yield();
  EXPECT_GT(here.metrics().wakeups_sent, before) << "the other one came by chance";
  other.join();
}

// While a section lasts and all workers sleep the monitor does too.
TEST(HandOver, TheMonitorIsAwakeAfterALongSection) {
  runtime here({.workers = 2});
  here.run([&] {
    start_both_workers();
    for (int i = 0; i < 5; ++i) {
      while (here.metrics().workers_sleeping != 1) this_fiber::yield();
      blocking([] { this_fiber::sleep_for(20ms); });
      run_what_the_monitor_must_see(here);
    }
  });
}

TEST(HandOver, TheMonitorIsAwakeOnceThereIsWorkDuringALongSection) {
  runtime here({.workers = 2});
  here.run([&] {
    start_both_workers();
    for (int i = 0; i < 5; ++i) {
      while (here.metrics().workers_sleeping != 1) this_fiber::yield();
      unsigned const handed_over = worker_index();
      blocking([&] {
        for (bool seen[2] = {}; !seen[handed_over];) {  // The inbox is chosen at random.
          this_fiber::sleep_for(20ms);
          spawn([&] {
            run_what_the_monitor_must_see(here);
            seen[worker_index()] = true;
          }).join();
        }
      });
    }
  });
}

TEST(HandOver, AThreadThatEndsSpawnsAsFromOutside) {
  std::atomic<runtime*> where{nullptr};
  std::atomic<int> ran{0};
  std::atomic<int> refused{0};
  {
    runtime here({.workers = 1, .blocking_keep_alive = 0ms, .on_worker_stop = [&](unsigned) {
                    try {
                      where.load()->spawn([&] { ++ran; }).detach();
                    } catch (std::system_error const&) {
                      ++refused;
                    }
                  }});
    where = &here;
    here.run([&] {
      open_section section;
      section.end();
      while (ran == 0) this_fiber::yield();  // the thread that the section had has ended
    });
    EXPECT_EQ(refused, 0);
  }
  EXPECT_EQ(refused, 1);  // the last one, which ends with the runtime
}

TEST(HandOver, NothingOfTheFiberStaysWithTheThread) {
  std::atomic<int> interrupted{0};
  std::atomic<int> named{0};
  run({.workers = 1,
       .on_worker_stop =
           [&](unsigned) {
             if (!this_fiber::name().empty()) ++named;
             try {
               this_fiber::check_cancelled();
             } catch (timed_out const&) {
               ++interrupted;
             }
           }},
      [] {
        spawn({.name = "one that blocks"}, [] {
          deadline_scope const limit(0s);
          for (int i = 0; i < 10; ++i) blocking([] {});
        }).join();
      });
  EXPECT_EQ(interrupted, 0);
  EXPECT_EQ(named, 0);
}

// The fiber's deadlines are by the runtime's clock, a thread's waits by the steady one.
TEST(HandOver, ADeadlineByTheRuntimesClockBoundsTheThread) {
  runtime_options options{.workers = 1};
  options.clock = [] { return std::chrono::steady_clock::now() + forever; };
  run(options, [] {
    deadline_scope const limit(soon);
    EXPECT_THROW(blocking([] { this_fiber::sleep_for(forever); }), timed_out);
  });
}

}  // namespace
}  // namespace ramie
