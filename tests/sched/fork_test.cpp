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

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/task_group.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/fibers.hpp"
#include "support/threads.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;
using test::code_of;

/// The status that a forked child exits with, which runs f.
template <class F>
int status_of_child(F f) {
  test::await_rest_of_others();
  ::pid_t const child = ::fork();
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

TEST(RuntimeFork, AChildThatWasForkedBetweenRuntimesMayRunItsOwn) {
  run({.workers = 2}, [] {});
  EXPECT_EQ(0, status_of_child([] { ::_exit(run({.workers = 2}, [] { return 0; })); }));
}

}  // namespace
}  // namespace ramie
