#include <ramie/sched/detail/at_exit.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/fiber_local.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/spawn_blocking.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/workers.hpp"

namespace {

using ramie::fiber_local;
using ramie::detail::at_exit;

class AtExit : public testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(Workers, AtExit, testing::ValuesIn(ramie::test::worker_counts()));

/// What has been done, and in which order.
std::string& done() {
  static std::string text;
  return text;
}

void note(char what) {
  done() += what;
}

/// Has `what` noted at the caller's end.
void note_at_exit(char const* what) {
  constexpr auto note_it = [](void* text, void*) noexcept {
    note(*static_cast<char const*>(text));
  };
  at_exit({note_it, const_cast<char*>(what), nullptr});
}

template <char name>
struct noted {
  ~noted() { note(name); }
  void use() {}
};

TEST_P(AtExit, ComesAfterTheFibersLocalsInTheOrderOfTheCalls) {
  static fiber_local<noted<'L'>> local;
  ramie::run({.workers = GetParam()}, [] {
    done().clear();
    ramie::spawn([] {
      note_at_exit("1");
      local->use();
      note_at_exit("2");
      ramie::this_fiber::yield();
      note('F');
    }).join();
    EXPECT_EQ(done(), "FL12");
  });
}

TEST_P(AtExit, DestructorsAndActionsMayAskForMore) {
  static fiber_local<noted<'M'>> made_late;
  struct asks {
    ~asks() {
      note_at_exit("2");
      made_late->use();
    }
    void use() {}
  };
  static fiber_local<asks> local;
  ramie::run({.workers = GetParam()}, [] {
    done().clear();
    ramie::spawn([] {
      local->use();
      at_exit({[](void*, void*) noexcept {
                 note('1');
                 made_late->use();
                 note_at_exit("3");
               },
               nullptr, nullptr});
    }).join();
    EXPECT_EQ(done(), "M1M23");
  });
}

TEST_P(AtExit, IsNotInheritedNorForgottenByACancelledFiber) {
  static fiber_local<int> inherited(ramie::inherit::yes);
  ramie::run({.workers = GetParam()}, [] {
    done().clear();
    std::atomic<bool> begun{false};
    auto parent = ramie::spawn([&begun] {
      *inherited = 1;
      note_at_exit("P");
      ramie::spawn([] { EXPECT_EQ(*inherited, 1); }).join();
      EXPECT_EQ(done(), "");
      begun.store(true);
      ramie::this_fiber::sleep_for(std::chrono::hours(1));
    });
    while (!begun.load()) ramie::this_fiber::yield();
    parent.cancel();
    EXPECT_THROW(parent.join(), ramie::cancelled);
    EXPECT_EQ(done(), "P");
  });
}

TEST(AtExitOfThreads, ABlockingJobIsLikeAFiber) {
  static fiber_local<noted<'L'>> local;
  ramie::run({.workers = 1}, [] {
    done().clear();
    ramie::spawn_blocking([] {
      note_at_exit("1");
      local->use();
    }).join();
    EXPECT_EQ(done(), "L1");
  });
}

// The thread_local is older than anything of ramie's on the thread, so it is destroyed last of all.
TEST(AtExitOfThreads, ComesAfterThreadLocals) {
  static fiber_local<noted<'L'>> local;
  done().clear();
  std::thread([] {
    static thread_local noted<'T'> older;
    older.use();
    note_at_exit("1");
    local->use();
  }).join();
  EXPECT_EQ(done(), "TL1");
}

TEST(AtExitOfThreads, AThreadLocalsDestructorMayUseFiberLocals) {
  static fiber_local<noted<'L'>> local;
  struct uses {
    ~uses() {
      local->use();
      note_at_exit("1");
    }
    void use() {}
  };
  done().clear();
  std::thread([] {
    static thread_local uses older;
    older.use();
    local->use();
  }).join();
  EXPECT_EQ(done(), "L1");
}

// The main thread's end is exit.
TEST(AtExitOfThreads, TheMainThreadsEndsComeBeforeTheStatics) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  struct says {
    explicit says(char const* text) : said(text) {}
    ~says() { std::fputs(said, stderr); }
    char const* said;
  };
  static fiber_local<says> local([] { return says("local "); });
  EXPECT_EXIT(
      {
        static says const last("static");
        static thread_local says const older("thread_local ");
        static_cast<void>(older.said);
        at_exit({[](void*, void*) noexcept { std::fputs("action ", stderr); }, nullptr, nullptr});
        static_cast<void>(local.get());
        std::exit(0);
      },
      testing::ExitedWithCode(0), "thread_local local action static");
}

}  // namespace
