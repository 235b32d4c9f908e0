// What a forked child may do with what its parent had.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <system_error>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/spawn_blocking.hpp>
#include <ramie/sched/task_group.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/fibers.hpp"
#include "support/threads.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;
using test::code_of;

::pid_t fork_at_rest() {
  test::await_rest_of_others();
  return ::fork();
}

/// The status that a forked child exits with, which runs f.
template <class F>
int status_of_child(F f) {
  ::pid_t const child = fork_at_rest();
  if (child == 0) {
    f();
    ::_exit(2);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

TEST(RuntimeFork, AChildMayExecAndGetsAClearErrorOtherwise) {
  runtime here({.workers = 2});
  here.run([] {});
  EXPECT_EQ(0, status_of_child([&] {
              if (code_of([&] { here.post([] {}); }) != std::errc::operation_not_permitted)
                ::_exit(1);
              ::execl("/bin/true", "true", nullptr);
            }));
  EXPECT_EQ(here.run([] { return 3; }), 3);
}

TEST(RuntimeFork, AChildCannotWaitForTheParentsFibers) {
  runtime here({.workers = 2});
  auto sleeper = here.spawn([] { this_fiber::sleep_for(1h); });
  EXPECT_EQ(0, status_of_child([&] {
              if (code_of([&] { sleeper.join(); }) != std::errc::operation_not_permitted)
                ::_exit(1);
              sleeper = {};  // it would wait for the end
              ::_exit(0);
            }));
  sleeper.cancel();
  EXPECT_THROW(sleeper.join(), cancelled);
}

TEST(RuntimeFork, AChildCannotWaitForTheParentsGroups) {
  runtime here({.workers = 1});
  int const status = here.run([] {
    std::optional<task_group> group(std::in_place);
    group->spawn([] { this_fiber::sleep_for(1h); });
    this_fiber::yield();
    int const found = status_of_child([&] {
      if (code_of([&] { group->wait(); }) != std::errc::operation_not_permitted) ::_exit(1);
      group.reset();
      ::_exit(0);
    });
    group->cancel();
    group->wait();
    return found;
  });
  EXPECT_EQ(status, 0);
}

// In the child it is what a thread would be: alone.
TEST(RuntimeFork, AFiberThatForksIsAPlainThreadInTheChild) {
  struct shared {
    std::atomic<int> runs{0};
  };
  void* const mapped =
      ::mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  auto& seen = *new (mapped) shared;
  run({.workers = 1}, [&] {
    auto other = spawn([&] {
      this_fiber::yield();
      ++seen.runs;
    });
    this_fiber::yield();
    std::string const name = "forks";
    auto forks = spawn({.name = name}, [&] {
      ::pid_t const child = ::fork();
      if (child != 0) return child;
      if (this_worker::id() != -1 || this_fiber::name() != name) ::_exit(1);
      this_fiber::sleep_for(1ms);  // the others would run
      this_fiber::yield();
      if (code_of([] { spawn([] {}).detach(); }) != std::errc::operation_not_permitted) ::_exit(2);
      std::atexit([] { ::_exit(7); });
      return child;  // and ends with its only thread, as by exit
    });
    int status = -1;
    ::pid_t const child = forks.join();
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
    other.join();
  });
  EXPECT_EQ(seen.runs, 1);
  ::munmap(mapped, sizeof(shared));
}

// Whether the thread that got the worker meanwhile sleeps, as in the second round, or not.
TEST(RuntimeFork, AFiberThatForksWithinBlockingIsAPlainThreadInTheChild) {
  run({.workers = 1}, [] {
    for (int round = 0; round < 2; ++round) {
      ::pid_t const child = blocking(&fork_at_rest);
      if (child == 0) {
        this_fiber::sleep_for(1ms);
        this_fiber::yield();
        ::_exit(this_worker::id() == -1 ? 7 : 1);
      }
      int status = -1;
      EXPECT_EQ(blocking([&] { return ::waitpid(child, &status, 0); }), child);
      EXPECT_TRUE(WIFEXITED(status));
      EXPECT_EQ(WEXITSTATUS(status), 7);
      this_fiber::sleep_for(20ms);  // so that the other thread has nothing to do
    }
  });
}

TEST(RuntimeFork, AFunctionOfSpawnBlockingThatForksEndsTheChild) {
  run({.workers = 1, .blocking_keep_alive = 1h}, [] {
    ::pid_t const child = spawn_blocking([] {
                            ::pid_t const forked = fork_at_rest();
                            if (forked == 0) std::atexit([] { ::_exit(0); });  // looks for no leaks
                            return forked;
                          }).join();
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  });
}

// What the end of a scope or shield puts back is what the child's waits obey.
TEST(RuntimeFork, ScopesAroundAForkEndInTheChildToo) {
  for (bool const in_section : {false, true}) {
    run({.workers = 1}, [in_section] {
      ::pid_t child = -1;
      {
        deadline_scope const limit(5ms);
        child = in_section ? blocking(&fork_at_rest) : fork_at_rest();
        if (child == 0 && code_of([] { this_fiber::sleep_for(1h); }) != std::errc::timed_out) {
          ::_exit(1);
        }
      }
      if (child == 0) {
        this_fiber::sleep_for(20ms);
        ::_exit(7);
      }
      int status = -1;
      EXPECT_EQ(::waitpid(child, &status, 0), child);
      EXPECT_TRUE(WIFEXITED(status));
      EXPECT_EQ(WEXITSTATUS(status), 7);
    });
  }
}

TEST(RuntimeFork, AChildThatWasForkedBetweenRuntimesMayRunItsOwn) {
  run({.workers = 2}, [] {});
  EXPECT_EQ(0, status_of_child([] { ::_exit(run({.workers = 2}, [] { return 0; })); }));
}

}  // namespace
}  // namespace ramie
