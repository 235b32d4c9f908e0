// The end of a runtime: shutdown, its report, and what its destructor says.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/fiber_local.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sched/task_group.hpp>

#include "support/fibers.hpp"
#include "support/threads.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::cancelled;
using ramie::runtime;
using ramie::shutdown_report;
using ramie::test::code_of;
using ramie::test::forever;
using ramie::test::soon;
namespace this_fiber = ramie::this_fiber;

RAMIE_TEST_WITH_WORKERS(Shutdown);

/// Swallows its cancellation until `let_go`.
struct stubborn {
  std::atomic<bool>& begun;
  std::atomic<bool>& let_go;

  void operator()() const {
    begun = true;
    while (!let_go.load()) {
      try {
        this_fiber::sleep_for(1ms);
      } catch (cancelled const&) {
        this_fiber::yield();
      }
    }
  }
};

/// A fiber that waits, shielded, until it is unparked.
struct shielded {
  std::atomic<ramie::waiter*> parked{nullptr};

  void operator()() {
    ramie::cancellation_shield const shield;
    ramie::waiter self;
    parked = &self;
    self.park({"its friend", nullptr});
  }
  void wait_until_parked() const {
    while (parked.load() == nullptr) std::this_thread::yield();
  }
};

TEST_P(Shutdown, EndsFibersAndThreads) {
  std::size_t const threads_before = ramie::test::runtime_threads().size();
  runtime rt({.workers = GetParam()});
  std::atomic<int> cancelled_ones{0};
  for (int i = 0; i < 100; ++i) {
    rt.post([&] {
      try {
        this_fiber::sleep_for(forever);
      } catch (cancelled const&) {
        ++cancelled_ones;
        throw;
      }
    });
  }
  shutdown_report const report = rt.shutdown(forever);
  EXPECT_TRUE(report);
  ramie::test::await_runtime_threads(threads_before);
  EXPECT_EQ(rt.metrics().live_fibers, 0U);
  EXPECT_EQ(rt.metrics().spawned, 100U);
  EXPECT_TRUE(rt.shutdown(0s)) << "once more";
}

TEST_P(Shutdown, ClosesTheDoor) {
  runtime rt({.workers = GetParam()});
  auto const handle = rt.get_handle();
  EXPECT_TRUE(rt.shutdown(forever));
  auto const refused = std::errc::operation_not_permitted;
  EXPECT_EQ(code_of([&] { rt.spawn([] {}).join(); }), refused);
  EXPECT_EQ(code_of([&] { rt.post([] {}); }), refused);
  EXPECT_EQ(code_of([&] { rt.run([] {}); }), refused);
  EXPECT_EQ(code_of([&] { runtime::handle(handle).post([] {}); }), refused);
}

TEST_P(Shutdown, NamesWhatDidNotEnd) {
  runtime rt({.workers = GetParam()});
  shielded waits;
  auto fiber = rt.spawn({.name = "patient"}, [&] { waits(); });
  waits.wait_until_parked();
  shutdown_report report = rt.shutdown(soon);
  EXPECT_FALSE(report);
  ASSERT_EQ(report.unfinished.size(), 1U);
  EXPECT_EQ(report.unfinished[0].name, "patient");
  EXPECT_EQ(report.unfinished[0].id, fiber.id());
  EXPECT_EQ(report.unfinished[0].state, "parked");
  EXPECT_EQ(report.unfinished[0].waits_for, "its friend");
  // The door is closed all the same, and the fiber may still end.
  EXPECT_EQ(code_of([&] { rt.post([] {}); }), std::errc::operation_not_permitted);
  waits.parked.load()->unpark();
  EXPECT_TRUE(rt.shutdown(forever));
  fiber.join();
}

TEST_P(Shutdown, ReportsAFiberThatSwallowsItsCancellation) {
  runtime rt({.workers = GetParam()});
  std::atomic<bool> begun{false};
  std::atomic<bool> let_go{false};
  auto fiber = rt.spawn({.name = "stubborn"}, stubborn{begun, let_go});
  while (!begun.load()) std::this_thread::yield();
  shutdown_report const report = rt.shutdown(-1s);
  ASSERT_EQ(report.unfinished.size(), 1U);
  EXPECT_EQ(report.unfinished[0].name, "stubborn");
  let_go = true;
  EXPECT_TRUE(rt.shutdown(std::chrono::system_clock::time_point::max()));
  fiber.join();
}

TEST_P(Shutdown, CanBeWaitedForByAFiber) {
  ramie::run({.workers = GetParam()}, [] {
    runtime inner({.workers = 2});
    inner.post([] { this_fiber::sleep_for(forever); });
    auto waits = ramie::spawn([&] { return static_cast<bool>(inner.shutdown(forever)); });
    EXPECT_TRUE(waits.join());
  });
}

TEST_P(Shutdown, OfItsOwnRuntimeIsAnError) {
  runtime rt({.workers = GetParam()});
  std::error_code const code = rt.run([&] { return code_of([&] { rt.shutdown(forever); }); });
  EXPECT_EQ(code, std::errc::resource_deadlock_would_occur);
  EXPECT_EQ(rt.run([] { return 5; }), 5) << "and nothing has been shut down";
}

TEST_P(Shutdown, ByManyAtOnce) {
  for (int i = 0; i < 50; ++i) {
    runtime rt({.workers = GetParam()});
    for (int n = 0; n < 10; ++n) rt.post([] { this_fiber::sleep_for(forever); });
    std::atomic<int> ended{0};
    std::vector<std::thread> callers;
    for (int n = 0; n < 4; ++n) {
      callers.emplace_back([&] { ended += rt.shutdown(forever) ? 1 : 0; });
    }
    for (auto& each : callers) each.join();
    EXPECT_EQ(ended.load(), 4);
  }
}

TEST_P(Shutdown, BesideSpawnsFromOutsideLosesNone) {
  for (int i = 0; i < 50; ++i) {
    runtime rt({.workers = GetParam()});
    std::atomic<int> accepted{0};
    std::atomic<int> destroyed{0};
    struct counted {
      std::atomic<int>* destroyed;
      explicit counted(std::atomic<int>& count) : destroyed(&count) {}
      counted(counted&& other) noexcept : destroyed(std::exchange(other.destroyed, nullptr)) {}
      ~counted() {
        if (destroyed != nullptr) ++*destroyed;
      }
      void operator()() const {}
    };
    std::vector<std::thread> spawners;
    for (int n = 0; n < 3; ++n) {
      spawners.emplace_back([&] {
        try {
          for (;;) {
            rt.post(counted(destroyed));
            ++accepted;
          }
        } catch (std::system_error const&) {
          --destroyed;  // the one that was refused
        }
      });
    }
    while (accepted.load() < 100) std::this_thread::yield();
    EXPECT_TRUE(rt.shutdown(forever));
    for (auto& each : spawners) each.join();
    EXPECT_EQ(accepted.load(), destroyed.load());
  }
}

TEST(ShutdownInAForkedChild, IsAnError) {
  runtime rt({.workers = 1});
  rt.run([] {});
  ramie::test::await_rest_of_others();
  pid_t const child = ::fork();
  if (child == 0) {
    bool const refused = code_of([&] { rt.shutdown(0s); }) == std::errc::operation_not_permitted;
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(RuntimeDestructor, NamesWhatItWaitsFor) {
  shielded waits;
  std::optional<runtime> rt;
  rt.emplace(ramie::runtime_options{.workers = 1, .name = "late", .stall_threshold = 2ms});
  auto fiber = rt->spawn({.name = "patient"}, [&] { waits(); });
  waits.wait_until_parked();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  int const real = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  std::thread destroyer([&] { rt.reset(); });
  std::string said;
  while (said.find("its friend") == std::string::npos) {
    char buffer[256];
    auto const n = ::read(ends[0], buffer, sizeof buffer);
    ASSERT_GT(n, 0);
    said.append(buffer, static_cast<std::size_t>(n));
  }
  waits.parked.load()->unpark();
  destroyer.join();
  ::dup2(real, STDERR_FILENO);
  for (int const fd : {real, ends[0], ends[1]}) ::close(fd);
  EXPECT_NE(said.find("runtime \"late\""), std::string::npos) << said;
  EXPECT_NE(said.find("\"patient\": parked, waits for its friend"), std::string::npos) << said;
  fiber.join();
}

// Tasks that never ran: the group does not say that they have.
TEST(ShutdownOfAGroup, AWaitForTasksThatWereCutOffIsCancelled) {
  std::atomic<bool> told{false};
  std::atomic<bool> returned{false};
  {
    ramie::runtime here({.workers = 1});
    here.run([&] {
      ramie::spawn([&] {
        try {
          this_fiber::sleep_for(forever);
        } catch (cancelled const&) {
        }
        ramie::cancellation_shield const not_its_own;
        try {
          ramie::task_group group;
          group.spawn([] {});
          group.wait();
          returned = true;
        } catch (cancelled const&) {
          told = true;
        }
      }).detach();
      this_fiber::yield();
    });
  }
  EXPECT_TRUE(told);
  EXPECT_FALSE(returned);
}

// It has passed the door and has no record yet: what it inherits takes its time.
TEST(Shutdown, KeepsItsTimeBesideASpawnThatIsUnderWay) {
  static std::atomic<bool> begun{false};
  static std::atomic<bool> may_go_on{false};
  struct slow {
    slow() = default;
    slow(slow const&) {
      begun = true;
      while (!may_go_on) std::this_thread::yield();
    }
  };
  static ramie::fiber_local<slow> inherited(ramie::inherit::yes);
  runtime other({.workers = 1});
  runtime ends({.workers = 1});
  auto spawner = other.spawn([&] {
    inherited.get();
    EXPECT_THROW(ends.spawn([] {}).join(), cancelled);
  });
  while (!begun) std::this_thread::yield();
  shutdown_report const report = ends.shutdown(5ms);
  ASSERT_EQ(report.unfinished.size(), 1u);
  EXPECT_EQ(report.unfinished[0].state, "starting");
  may_go_on = true;
  spawner.join();
  EXPECT_TRUE(ends.shutdown(forever));
}

TEST(RuntimeOptions, RefuseAStallThresholdOfNothing) {
  EXPECT_THROW(runtime({.workers = 1, .stall_threshold = 0ms}), std::invalid_argument);
  EXPECT_THROW(runtime({.workers = 1, .stall_threshold = -1ms}), std::invalid_argument);
}

}  // namespace
