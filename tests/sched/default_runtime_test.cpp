// The runtime of those who have none, and how it ends with the process.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <thread>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/driver.hpp>
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

// Waits like the real one.
class spinning_driver : public driver {
 public:
  void wait_until(std::chrono::steady_clock::time_point deadline) override {
    while (!interrupted_.exchange(false) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
  }
  void interrupt() noexcept override { interrupted_ = true; }
  bool has_sources() const noexcept override { return true; }

 private:
  std::atomic<bool> interrupted_{false};
};

// Holds the only worker up on its way into its first driver, from when the place where it sleeps
// has been told: the runtime's clock is what it looks at there.
struct held_up {
  static inline std::atomic<bool> a_fiber_has_run{false};
  static inline std::atomic<bool> comes_next{false};
  static inline std::atomic<bool> is_there{false};
  static inline std::atomic<bool> may_go_on{false};

  struct first_driver : spinning_driver {
    bool look_before_sleep() override {
      comes_next = a_fiber_has_run.load();
      return false;
    }
  };

  static std::chrono::steady_clock::time_point clock() {
    if (comes_next.exchange(false)) {
      a_fiber_has_run = false;
      is_there = true;
      while (!may_go_on) std::this_thread::yield();
    }
    return std::chrono::steady_clock::now();
  }
};

TEST(DefaultRuntime, AWorkerThatIsWokenWhileTheDriverChangesWakesUp) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        set_default_runtime_options({
            .workers = 1,
            .make_driver = [] { return std::make_unique<held_up::first_driver>(); },
            .clock = &held_up::clock,
        });
        // The stack that it leaves behind makes the worker look at the clock.
        spawn([] { held_up::a_fiber_has_run = true; }).join();
        while (!held_up::is_there) std::this_thread::yield();
        auto woken = spawn([] {});  // interrupts the first driver
        nearest_io_driver(
            []() -> std::unique_ptr<driver> { return std::make_unique<spinning_driver>(); });
        held_up::may_go_on = true;
        woken.join();
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
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
