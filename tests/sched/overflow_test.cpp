#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <ramie/sched/runtime.hpp>
#include <ramie/sched/this_fiber.hpp>

namespace ramie {
namespace {

int volatile depth_limit = 1'000'000'000;

[[gnu::noinline]] int recurse_too_deep(int depth) {
  char volatile frame[512];
  frame[0] = static_cast<char>(depth);
  return depth == depth_limit ? 0 : recurse_too_deep(depth + 1) + frame[0];
}

void overflow() {
  run({.workers = 1}, [] {
    spawn({.name = "too deep", .stack_size = 64 * 1024}, [] {
      std::printf("%d", recurse_too_deep(0));
    }).join();
  });
}

class StackOverflow : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(StackOverflow, NamesTheFiberAndItsStack) {
  EXPECT_DEATH(overflow(),
               "stack overflow in fiber [0-9]+ \"too deep\": fault at 0x[0-9a-f]+, "
               "stack \\[0x[0-9a-f]+, 0x[0-9a-f]+\\)");
}

TEST_F(StackOverflow, PrintsABacktrace) {
  EXPECT_DEATH(overflow(), "ramie_sched[a-z_]*test\\(.*\\n.*ramie_sched[a-z_]*test\\(");
}

TEST_F(StackOverflow, RunsTheHandlerThatWasThereBefore) {
  EXPECT_EXIT(
      {
        struct sigaction mine = {};
        mine.sa_handler = [](int) { std::_Exit(7); };
        ::sigaction(SIGSEGV, &mine, nullptr);
        overflow();
      },
      testing::ExitedWithCode(7), "stack overflow in fiber");
}

TEST_F(StackOverflow, LeavesOtherFaultsAlone) {
  EXPECT_EXIT(
      {
        struct sigaction mine = {};
        mine.sa_handler = [](int) { std::_Exit(8); };
        ::sigaction(SIGSEGV, &mine, nullptr);
        run({.workers = 1}, [] { std::raise(SIGSEGV); });
      },
      testing::ExitedWithCode(8), "^$");
}

TEST_F(StackOverflow, AFaultThatIsSentEndsTheProcess) {
  EXPECT_EXIT(
      {
        ::signal(SIGSEGV, SIG_DFL);
        runtime const here({.workers = 1});
        std::raise(SIGSEGV);
        std::_Exit(0);
      },
      testing::KilledBySignal(SIGSEGV), "");
}

}  // namespace
}  // namespace ramie
