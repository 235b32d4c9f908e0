// The runtime of those who have none, and how it ends with the process.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <thread>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/fiber.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/spawn_blocking.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/fibers.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;
using test::code_of;

TEST(DefaultRuntime, ServesSpawnOutsideAnyRuntime) {
  EXPECT_EQ(spawn([] { return 6; }).join(), 6);
  EXPECT_EQ(code_of([] { set_default_runtime_options({.workers = 1}); }),
            std::errc::device_or_resource_busy);
}

TEST(DefaultRuntime, OneOfItsFibersMayCallExit) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  struct tells {
    ~tells() { std::fputs("statics", stderr); }
  };
  EXPECT_EXIT(fiber([] {
                static tells const at_end;
                std::exit(3);
              }).join(),
              testing::ExitedWithCode(3), "^statics$");
  EXPECT_EXIT(spawn_blocking([] { std::exit(3); }).join(), testing::ExitedWithCode(3), "");
  EXPECT_EXIT(spawn([] { blocking([] { std::exit(3); }); }).join(), testing::ExitedWithCode(3), "");
}

// As it would with a detached thread.
TEST(DefaultRuntime, AProcessEndsBesideAFiberThatDoesNot) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        set_default_runtime_options({.workers = 1, .stall_threshold = 10ms});
        std::atomic<bool> begun{false};
        spawn({.name = "deaf"}, [&] {
          begun = true;
          for (;;) ::pause();
        }).detach();
        while (!begun) std::this_thread::yield();
        std::exit(0);
      },
      testing::ExitedWithCode(0), "does not wait for 1 fibers\nramie:   fiber [0-9]+ \"deaf\"");
}

TEST(DefaultRuntime, EndsInOrderAtExit) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        struct tells {
          ~tells() { std::fputs("unwound", stderr); }
        };
        std::atomic<bool> begun{false};
        spawn([&] {
          tells const at_end;
          begun = true;
          this_fiber::sleep_for(1h);
        }).detach();
        while (!begun.load()) std::this_thread::yield();
        std::exit(0);
      },
      testing::ExitedWithCode(0), "unwound");
}

}  // namespace
}  // namespace ramie
