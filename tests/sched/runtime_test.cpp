#include <ramie/sched/runtime.hpp>

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <ramie/fiber/context.hpp>
#include <ramie/sched/blocking.hpp>
#include <ramie/sched/fiber.hpp>
#include <ramie/sched/spawn_blocking.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/fibers.hpp"
#include "support/threads.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;
using test::code_of;

class Runtime : public testing::TestWithParam<unsigned> {
 protected:
  runtime_options options() const { return {.workers = GetParam()}; }
};

INSTANTIATE_TEST_SUITE_P(Workers, Runtime, testing::ValuesIn(test::worker_counts()));

TEST_P(Runtime, RunReturnsOrThrows) {
  EXPECT_EQ(run(
                options(), [](int a) { return a + 1; }, 41),
            42);
  EXPECT_THROW(run(options(), [] { throw std::logic_error("x"); }), std::logic_error);
  EXPECT_EQ(*run(options(), [] { return std::make_unique<int>(1); }), 1);
  runtime here(options());
  EXPECT_EQ(here.run([] { return 1; }) + here.run([] { return 2; }), 3);
}

TEST_P(Runtime, LeavesNothingBehind) {
  std::size_t const before = test::runtime_threads().size();
  for (int i = 0; i < 50; ++i) {
    run(options(), [] {
      for (int n = 0; n < 10; ++n) spawn([] { this_fiber::sleep_for(1h); }).detach();
      spawn([] {}).join();
    });
  }
  test::await_runtime_threads(before);
}

TEST_P(Runtime, CancelsDrainsAndJoinsWhenDestroyed) {
  std::atomic<int> unwound{0};
  {
    runtime here(options());
    std::atomic<int> begun{0};
    for (int i = 0; i < 100; ++i) {
      here.post([&] {
        struct counts {
          std::atomic<int>& unwound;
          ~counts() { ++unwound; }
        } const at_end{unwound};
        ++begun;
        this_fiber::sleep_for(1h);
      });
    }
    while (begun < 100) std::this_thread::yield();
  }
  EXPECT_EQ(unwound, 100);
}

TEST_P(Runtime, EndsFibersThatSpawnOthersWhileItEnds) {
  std::atomic<int> alive{0};
  {
    runtime here(options());
    std::atomic<bool> begun{false};
    here.post([&] {
      begun = true;
      try {
        this_fiber::sleep_for(1h);
      } catch (cancelled const&) {
        // During the end: born cancelled, and ended as well.
        for (int i = 0; i < 10; ++i) spawn([&] { ++alive; }).detach();
        throw;
      }
    });
    while (!begun) std::this_thread::yield();
  }
  EXPECT_EQ(alive, 0);
}

TEST_P(Runtime, SeveralLiveSideBySide) {
  runtime a(options());
  runtime b(options());
  int const answer = a.run([&] {
    // From a fiber of one runtime into another and back.
    return b.spawn([&] { return a.spawn([] { return 42; }).join(); }).join();
  });
  EXPECT_EQ(answer, 42);
}

TEST_P(Runtime, ANestedRunParksItsFiber) {
  int const answer = run({.workers = 1}, [&] {
    std::atomic<bool> other_ran{false};
    auto other = spawn([&] { other_ran = true; });
    int const inner = run(options(), [&] {
      while (!other_ran.load()) this_fiber::yield();  // only if the outer worker is free
      return 42;
    });
    other.join();
    return inner;
  });
  EXPECT_EQ(answer, 42);
}

TEST_P(Runtime, HandlesOutliveIt) {
  std::optional<runtime> here(std::in_place, options());
  runtime::handle handle = here->get_handle();
  EXPECT_EQ(handle.spawn([] { return 5; }).join(), 5);
  here.reset();
  EXPECT_EQ(code_of([&] { handle.spawn([] {}).join(); }), std::errc::operation_not_permitted);
  EXPECT_EQ(code_of([&] { handle.post([] {}); }), std::errc::operation_not_permitted);
  EXPECT_EQ(code_of([&] { runtime::handle().post([] {}); }), std::errc::operation_not_permitted);
}

TEST_P(Runtime, CallsItsHooksOncePerStartedWorker) {
  std::mutex mutex;
  std::multiset<unsigned> started;
  std::multiset<unsigned> stopped;
  {
    runtime_options hooked = options();
    hooked.on_worker_start = [&](unsigned worker) {
      std::lock_guard lock(mutex);
      started.insert(worker);
    };
    hooked.on_worker_stop = [&](unsigned worker) {
      std::lock_guard lock(mutex);
      stopped.insert(worker);
    };
    run(hooked, [] {
      std::vector<join_handle<void>> all;
      for (int i = 0; i < 100; ++i) all.push_back(spawn([] { this_fiber::yield(); }));
      for (auto& each : all) each.join();
    });
  }
  EXPECT_EQ(started, stopped);
  EXPECT_EQ(started.count(0), 1U);
  EXPECT_EQ(std::set<unsigned>(started.begin(), started.end()).size(), started.size());
}

// What starts the others is tested as WorkConservation.
TEST_P(Runtime, StartsOneThreadWhileThereIsNoWork) {
  runtime here(options());
  EXPECT_EQ(here.metrics().workers_started, 1U);
  EXPECT_EQ(here.metrics().workers, GetParam());
}

TEST_P(Runtime, SpawnWaitsAtTheLimitAndPostReports) {
  runtime_options limited = options();
  limited.max_fibers = 3;
  runtime here(limited);
  std::atomic<bool> go{false};
  std::atomic<bool> spawned{false};
  std::thread outside;
  here.run([&] {  // one
    auto const hold = [&] {
      while (!go.load()) this_fiber::yield();
    };
    auto second = spawn(hold);
    auto third = spawn(hold);
    EXPECT_EQ(code_of([&] { here.post([] {}); }), std::errc::resource_unavailable_try_again);
    outside = std::thread([&] {
      auto fourth = here.spawn([] { return 4; });
      spawned = true;
      EXPECT_EQ(fourth.join(), 4);
    });
    for (int i = 0; i < 100; ++i) this_fiber::yield();
    EXPECT_FALSE(spawned);
    go = true;
    second.join();
    third.join();
    for (int i = 0; i < 100; ++i) spawn([] {}).join();
  });
  outside.join();
  EXPECT_TRUE(spawned);
}

TEST_P(Runtime, AFiberThatWaitsAtTheLimitCanBeCancelled) {
  runtime_options limited = options();
  limited.max_fibers = 1;
  runtime here(limited);
  std::atomic<bool> begun{false};
  auto handle = here.spawn([&] {
    begun = true;
    spawn([] {}).join();
  });
  while (!begun.load()) std::this_thread::yield();
  handle.cancel();
  EXPECT_THROW(handle.join(), cancelled);
}

TEST_P(Runtime, TellsTheHandlerOfUnhandledExceptions) {
  std::atomic<int> told{0};
  runtime_options handled = options();
  handled.on_unhandled_exception = [&](unhandled_exception const& what) {
    EXPECT_EQ(what.fiber_name, "loser");
    EXPECT_NE(what.fiber_id, 0U);
    EXPECT_THROW(std::rethrow_exception(what.exception), std::runtime_error);
    this_fiber::yield();  // it runs on the fiber
    ++told;
  };
  runtime here(handled);
  here.spawn({.name = "loser"}, [] { throw std::runtime_error("x"); }).detach();
  while (told == 0) std::this_thread::yield();
  // The end of a cancelled fiber is none.
  here.spawn([] { this_fiber::sleep_for(1h); }).detach();
}

TEST_P(Runtime, CountsWhatItDoes) {
  runtime here(options());
  here.run([] {
    std::vector<join_handle<void>> all;
    for (int i = 0; i < 100; ++i) all.push_back(spawn([] { this_fiber::yield(); }));
    for (auto& each : all) each.join();
  });
  runtime_metrics const seen = here.metrics();
  EXPECT_EQ(seen.spawned, 101U);
  EXPECT_EQ(seen.finished + seen.live_fibers, 101U);
  EXPECT_GT(seen.switches, 100U);
  here.run([&] { EXPECT_GE(here.metrics().live_fibers, 1U); });
}

TEST_P(Runtime, UsesStacksOfTheSizeAskedFor) {
  run(options(), [] {
    spawn({.stack_size = 8 * 1024 * 1024}, [] {
      char volatile frame[4 * 1024 * 1024];
      for (std::size_t i = 0; i < sizeof(frame); i += 4096) frame[i] = 1;
    }).join();
    EXPECT_EQ(code_of([] {
                spawn({.stack_size = std::numeric_limits<std::size_t>::max()}, [] {}).join();
              }),
              std::errc::invalid_argument);
  });
}

// A signal to the process is for the user's own threads: here for this one, which fetches it.
TEST_P(Runtime, LeavesSignalsToTheUsersThreads) {
  sigset_t wanted;
  sigset_t before;
  ::sigemptyset(&wanted);
  ::sigaddset(&wanted, SIGUSR1);
  runtime here(options());
  here.run([] {
    std::vector<join_handle<void>> all;
    for (int i = 0; i < 10; ++i) all.push_back(spawn([] { this_fiber::yield(); }));
    for (auto& each : all) each.join();
  });
  ::pthread_sigmask(SIG_BLOCK, &wanted, &before);
  ::kill(::getpid(), SIGUSR1);  // ends the process where a worker lets it in
  int taken = 0;
  EXPECT_EQ(::sigwait(&wanted, &taken), 0);
  EXPECT_EQ(taken, SIGUSR1);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::string context_switches_of_the_runtime() {
  std::string all;
  for (auto const& thread : test::runtime_threads()) {
    std::ifstream status(thread / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.find("ctxt_switches") != std::string::npos) all += line + "\n";
    }
  }
  return all;
}

// It comes to rest: the threads of an idle runtime are not scheduled at all.
TEST_P(Runtime, UsesNoProcessorWhenIdle) {
  runtime here(options());
  here.run([] {
    std::vector<join_handle<void>> all;
    for (int i = 0; i < 1000; ++i) all.push_back(spawn([] { this_fiber::yield(); }));
    for (auto& each : all) each.join();
  });
  auto handle = here.spawn([] { this_fiber::sleep_for(1h); });
  constexpr int quiet_looks = 5;
  constexpr int between_looks = 30;  // milliseconds: many of the monitor's ticks
  std::string last;
  for (int quiet = 0; quiet < quiet_looks;) {
    ::poll(nullptr, 0, between_looks);
    std::string const now = context_switches_of_the_runtime();
    ASSERT_NE(now, "");
    quiet = now == last ? quiet + 1 : 0;
    last = now;
  }
  handle.cancel();
}

// Whoever waits for a fiber that the end has cancelled gets `cancelled`, and may not have been
// cancelled itself by then: the walk over many fibers takes a while. That is no unhandled
// exception.
TEST_P(Runtime, ItsEndIsNobodysUnhandledException) {
  std::atomic<int> unhandled{0};
  runtime_options wanted = options();
  wanted.on_unhandled_exception = [&](unhandled_exception const&) { ++unhandled; };
  {
    runtime here(wanted);
    for (int i = 0; i < 5000; ++i) here.post([] { this_fiber::sleep_for(1h); });
    std::atomic<int> joined{0};
    auto const spawn_and_join = [&joined] {
      for (;; ++joined) spawn([] {}).join();
    };
    for (int i = 0; i < 4; ++i) {
      here.post(spawn_and_join);
      here.post([&] { fiber(spawn_and_join).join(); });  // std::terminate, if it were one
    }
    while (joined < 100) std::this_thread::yield();
  }
  EXPECT_EQ(unhandled, 0);
}

TEST_P(Runtime, AnExceptionsHandlerMayWaitAtItsEnd) {
  std::atomic<int> handled{0};
  runtime_options wanted = options();
  wanted.on_unhandled_exception = [&](unhandled_exception const&) {
    this_fiber::sleep_for(1ms);
    ++handled;
  };
  {
    runtime here(wanted);
    std::atomic<bool> begun{false};
    here.post([&] {
      try {
        begun = true;
        this_fiber::sleep_for(1h);
      } catch (cancelled const&) {
        throw std::runtime_error("the end of it failed");
      }
    });
    while (!begun) std::this_thread::yield();
  }
  EXPECT_EQ(handled, 1);
}

TEST(RuntimeLimit, APlaceIsFreeOnceItsFiberHasBeenJoined) {
  runtime here({.workers = 1, .max_fibers = 1});
  for (int i = 0; i < 2000; ++i) {
    auto only = here.spawn([] {});
    while (!only.done()) {
    }
    only.join();
    ASSERT_EQ(code_of([&] { here.post([] {}); }), std::error_code());
  }
}

cpu_set_t allowed_here() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  EXPECT_EQ(::sched_getaffinity(0, sizeof(cpus), &cpus), 0);
  return cpus;
}

// Threads are started by those that run, which are bound already.
TEST(RuntimePinning, BindsEachWorkerToACpuOfItsOwn) {
  cpu_set_t const all = allowed_here();
  auto const cpus = static_cast<unsigned>(CPU_COUNT(&all));
  unsigned const workers = std::min(cpus, 4U);
  runtime here({.workers = workers, .pin_workers = true});
  std::atomic<unsigned> begun{0};
  std::vector<cpu_set_t> seen(workers);
  here.run([&] {
    std::vector<join_handle<void>> each;
    for (unsigned i = 0; i < workers; ++i) {
      each.push_back(spawn([&] {
        seen[static_cast<std::size_t>(this_worker::id())] = allowed_here();
        ++begun;
        while (begun < workers) std::this_thread::yield();  // the worker: each runs one
      }));
    }
    for (auto& one : each) one.join();
    EXPECT_EQ(fiber::hardware_concurrency(), cpus);
    cpu_set_t const blocking = spawn_blocking([] { return allowed_here(); }).join();
    EXPECT_TRUE(CPU_EQUAL(&blocking, &all));
  });
  cpu_set_t together;
  CPU_ZERO(&together);
  for (cpu_set_t const& one : seen) {
    EXPECT_EQ(CPU_COUNT(&one), 1);
    CPU_OR(&together, &together, &one);
  }
  EXPECT_EQ(static_cast<unsigned>(CPU_COUNT(&together)), workers);
}

// It may run before the new thread has a worker.
TEST(RuntimeHooks, AStartHookMayUseTheRuntime) {
  for (int i = 0; i < 100; ++i) {
    std::atomic<runtime*> at{nullptr};
    std::atomic<int> ran{0};
    std::atomic<int> posted{0};
    runtime here({.workers = 1, .on_worker_start = [&](unsigned) {
                    EXPECT_EQ(this_worker::id(), -1);
                    if (runtime* const known = at.load()) {
                      known->post([&] { ++ran; });
                      ++posted;
                    }
                  }});
    here.run([] {});
    at = &here;
    here.run([] { blocking([] {}); });  // a second thread
    while (posted == 0 || ran < posted) std::this_thread::yield();
    at = nullptr;
  }
}

TEST(RuntimeOptions, AreChecked) {
  EXPECT_THROW(runtime({.workers = 1'000'000'000}), std::invalid_argument);
  EXPECT_THROW(runtime({.stack_size = std::numeric_limits<std::size_t>::max()}),
               std::invalid_argument);
  EXPECT_THROW(runtime({.max_blocking_threads = 0}), std::invalid_argument);
  EXPECT_THROW(runtime({.blocking_keep_alive = -1ms}), std::invalid_argument);
  EXPECT_EQ(run({.workers = 0, .stack_size = 0, .name = ""}, [] { return 1; }), 1);
  EXPECT_EQ(run({.workers = 1, .stack_size = 1, .name = std::string(1000, 'n')}, [] { return 1; }),
            1);
}

TEST(RuntimeMisuse, DestructionByItsOwnFiberIsReported) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto here = std::make_unique<runtime>(runtime_options{.workers = 1});
        here->run([&] { here.reset(); });
      },
      "a runtime was destroyed by fiber [0-9]+ of its own");
}

TEST(RuntimeMisuse, AnUnhandledExceptionNamesItsFiber) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run({.workers = 1},
                   [] {
                     spawn({.name = "faulty"}, [] { throw std::runtime_error("why"); }).detach();
                     this_fiber::sleep_for(1h);
                   }),
               "unhandled exception in detached fiber [0-9]+ \"faulty\"");
}

}  // namespace
}  // namespace ramie
