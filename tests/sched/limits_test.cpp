// What happens when the process runs into its limits: a typed error from the call that could not be
// served, and everything else goes on.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/spawn_blocking.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "../support/threads.hpp"

namespace ramie {
namespace {

// How many threads were to be started since it was made 0: none but the second is, and the first is
// refused late. Negative: all are.
constinit std::atomic<int> refused_starts{-1};

// Lets the process map `room` bytes more than it has mapped.
void limit_address_space(std::size_t room) {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages;
  rlimit const limit{pages * 4096 + room, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) std::exit(9);
}

// Runs `body` in a process of its own, which is to end well.
template <class Body>
void in_a_child(Body body) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        body();
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
}

void require(bool condition, char const* what) {
  if (condition) return;
  std::fprintf(stderr, "not true: %s\n", what);
  std::exit(1);
}

TEST(Limits, ARuntimeThatGetsNoThreadThrows) {
  in_a_child([] {
    limit_address_space(24 << 20);  // enough for a slab of stacks, not for a thread's own
    bool thrown = false;
    try {
      runtime here({.workers = 1});
    } catch (std::system_error const&) {
      thrown = true;
    }
    require(thrown, "std::system_error from the constructor");
  });
}

TEST(Limits, SpawnThrowsWhenStacksRunOutAndTheRestGoesOn) {
  in_a_child([] {
    runtime here({.workers = 1, .stack_size = 1 << 20});
    here.run([] {});
    limit_address_space(std::size_t{1} << 30);
    std::atomic<int> ended{0};
    int const spawned = here.run([&] {
      std::vector<join_handle<void>> all;
      int count = 0;
      try {
        for (; count < 100'000; ++count) {
          all.push_back(spawn([&] {
            this_fiber::yield();
            ++ended;
          }));
        }
      } catch (std::system_error const& error) {
        require(error.code() == std::errc::not_enough_memory, "not_enough_memory");
      }
      for (auto& each : all) each.join();
      return count;
    });
    require(spawned > 100 && spawned < 100'000, "some spawns succeed, one fails");
    require(ended == spawned, "those that were spawned run");
    require(here.run([] { return 5; }) == 5, "and others can be spawned after them");
  });
}

TEST(Limits, FewerThreadsThanWorkersDoTheWork) {
  in_a_child([] {
    runtime here({.workers = 64});
    here.run([] {});
    limit_address_space(4 << 20);  // no more threads
    std::atomic<int> ran{0};
    here.run([&] {
      std::vector<join_handle<void>> all;
      for (int i = 0; i < 200; ++i) {
        all.push_back(spawn([&] {
          this_fiber::yield();
          ++ran;
        }));
      }
      for (auto& each : all) each.join();
    });
    require(ran == 200, "every fiber runs");
    require(here.metrics().workers_started < 64, "not every worker got a thread");
  });
}

TEST(Limits, ABlockingPoolThatGetsNoThreadThrowsOrMakesDo) {
  in_a_child([] {
    rlimit const no_limit{RLIM_INFINITY, RLIM_INFINITY};
    run({.workers = 1}, [] {
      spawn([] {}).join();  // what it needs is mapped
      limit_address_space(4 << 20);
      auto const guard = std::make_shared<int>(0);
      std::error_code code;
      try {
        spawn_blocking([guard] {}).join();
      } catch (std::system_error const& error) {
        code = error.code();
      }
      require(code == std::errc::resource_unavailable_try_again, "a typed error");
      require(guard.use_count() == 1, "the callable is destroyed");
      require(spawn([] { return 7; }).join() == 7, "fibers go on");
    });
    // Also where threads of before have ended, and are still to be joined.
    require(::setrlimit(RLIMIT_AS, &no_limit) == 0, "setrlimit");
    {
      runtime here({.workers = 1, .blocking_keep_alive = std::chrono::milliseconds(0)});
      here.run([] { spawn_blocking([] {}).join(); });
      while (here.metrics().blocking_threads != 0) std::this_thread::yield();
      std::error_code code;
      here.run([&] {
        limit_address_space(4 << 20);
        try {
          spawn_blocking([] {}).join();
        } catch (std::system_error const& error) {
          code = error.code();
        }
      });
      require(code == std::errc::resource_unavailable_try_again, "a typed error again");
    }
    // With one thread there already, jobs wait for it.
    require(::setrlimit(RLIMIT_AS, &no_limit) == 0, "setrlimit");
    run({.workers = 1}, [] {
      spawn_blocking([] {}).join();
      limit_address_space(4 << 20);
      std::vector<join_handle<int>> jobs;
      for (int i = 0; i < 10; ++i) jobs.push_back(spawn_blocking([i] { return i; }));
      for (int i = 0; i < 10; ++i) require(jobs[static_cast<std::size_t>(i)].join() == i, "served");
    });
  });
}

TEST(Limits, ABlockingSectionThatGetsNoBackupThreadThrowsOrMakesDo) {
  in_a_child([] {
    run({.workers = 1, .max_blocking_threads = 1}, [] {
      spawn([] {}).join();  // what it needs is mapped
      limit_address_space(4 << 20);
      bool called = false;
      for (int i = 0; i < 2; ++i) {  // the place of the first one is free again
        std::error_code code;
        try {
          blocking([&] { called = true; });
        } catch (std::system_error const& error) {
          code = error.code();
        }
        require(code == std::errc::resource_unavailable_try_again, "a typed error");
      }
      require(!called, "the function was not called");
      require(spawn([] { return 7; }).join() == 7, "fibers go on");
    });
    // With one backup thread there already, sections take turns with it.
    rlimit const no_limit{RLIM_INFINITY, RLIM_INFINITY};
    require(::setrlimit(RLIMIT_AS, &no_limit) == 0, "setrlimit");
    run({.workers = 1}, [] {
      blocking([] {});
      limit_address_space(4 << 20);
      int called = 0;
      for (int i = 0; i < 10; ++i) blocking([&] { ++called; });
      require(called == 10, "served");
    });
  });
}

TEST(Limits, AThrowingCopyOfACallableLeavesNothingBehind) {
  runtime here({.workers = 2});
  struct grudging {
    bool refuses = true;
    grudging() = default;
    grudging(grudging const& other) : refuses(other.refuses) {
      if (refuses) throw std::bad_alloc();
    }
    void operator()() const {}
  };
  grudging const callable;
  EXPECT_THROW(here.post(callable), std::bad_alloc);
  here.run([&] {
    EXPECT_THROW(spawn(callable).join(), std::bad_alloc);
    EXPECT_EQ(here.metrics().live_fibers, 1U);
  });
}

// The first start takes long enough for the monitor to have another worker started behind it.
TEST(Limits, AWorkerWhoseThreadCouldNotBeStartedGetsNothingToRun) {
  in_a_child([] {
    runtime here({.workers = 3});
    here.run([] {});
    std::atomic<bool> begun{false};
    std::atomic<bool> may_end{false};
    auto busy = here.spawn([&] {
      begun = true;
      may_end.wait(false);
    });
    while (!begun) std::this_thread::yield();
    refused_starts = 0;
    here.spawn([] {}).join();
    may_end = true;
    may_end.notify_one();
    busy.join();
    for (int i = 0; i < 30; ++i) here.spawn([] {}).join();
    refused_starts = -1;
  });
}

}  // namespace
}  // namespace ramie

// Instead of the C library's.
extern "C" int pthread_create(pthread_t* thread, pthread_attr_t const* attributes,
                              void* (*start)(void*), void* argument) noexcept {
  using function = int(pthread_t*, pthread_attr_t const*, void* (*)(void*), void*);
  static auto* const real = reinterpret_cast<function*>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (ramie::refused_starts >= 0) {
    int const number = ++ramie::refused_starts;
    // By then the monitor waits for the roster, where it ticked before.
    if (number == 1) ramie::test::await_rest_of_others(std::chrono::milliseconds(20));
    if (number != 2) return EAGAIN;
  }
  return real(thread, attributes, start, argument);
}
