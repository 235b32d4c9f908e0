#include <ramie/sched/fiber.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include <ramie/sched/this_fiber.hpp>

namespace ramie {
namespace {

TEST(Fiber, RunsAndJoinsFromAPlainMain) {
  int value = 0;
  fiber f([&](int n) { value = n; }, 3);
  EXPECT_TRUE(f.joinable());
  f.join();
  EXPECT_EQ(value, 3);
  EXPECT_FALSE(f.joinable());
}

TEST(Fiber, IsStdThreadByAnotherName) {
  static_assert(std::is_same_v<thread, fiber>);
  static_assert(!std::is_copy_constructible_v<fiber>);
  static_assert(std::is_nothrow_move_constructible_v<fiber>);
  static_assert(std::is_nothrow_move_assignable_v<fiber>);
  EXPECT_GE(thread::hardware_concurrency(), 1U);
}

TEST(Fiber, MovesAndSwaps) {
  fiber a([] {});
  auto const id = a.get_id();
  fiber b;
  b.swap(a);
  EXPECT_FALSE(a.joinable());
  EXPECT_EQ(b.get_id(), id);
  a = std::move(b);
  EXPECT_EQ(a.get_id(), id);
  a.join();
  EXPECT_EQ(a.get_id(), fiber::id());
}

TEST(Fiber, HasDistinctComparableIds) {
  std::unordered_set<fiber::id> ids{fiber::id(), this_fiber::get_id()};
  fiber::id inside;
  fiber f([&] { inside = this_fiber::get_id(); });
  ids.insert(f.get_id());
  auto const outside = f.get_id();
  f.join();
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_EQ(inside, outside);
  EXPECT_NE(inside, this_fiber::get_id());
  EXPECT_TRUE(inside < this_fiber::get_id() || this_fiber::get_id() < inside);
  std::ostringstream text;
  text << inside;
  EXPECT_FALSE(text.str().empty());
  fiber::id of_thread;
  std::thread([&] { of_thread = this_fiber::get_id(); }).join();
  EXPECT_TRUE(ids.insert(of_thread).second);
}

TEST(Fiber, ReportsMisuse) {
  fiber none;
  for (auto misuse : {&fiber::join, &fiber::detach, &fiber::cancel}) {
    try {
      (none.*misuse)();
      FAIL();
    } catch (std::system_error const& error) {
      EXPECT_EQ(error.code(), std::errc::invalid_argument);
    }
  }
}

TEST(Fiber, RefusesToJoinItself) {
  std::error_code code;
  fiber self;
  std::atomic<bool> stored{false};
  std::atomic<bool> tried{false};
  self = fiber([&] {
    while (!stored.load()) this_fiber::yield();
    try {
      self.join();
    } catch (std::system_error const& error) {
      code = error.code();
    }
    tried = true;
  });
  stored = true;
  while (!tried.load()) std::this_thread::yield();
  self.join();
  EXPECT_EQ(code, std::errc::resource_deadlock_would_occur);
}

TEST(Fiber, TerminatesWhenDestroyedJoinable) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH({ fiber forgotten([] {}); }, "");
}

TEST(Fiber, TerminatesOnAnExceptionAsAThreadDoes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(fiber([] { throw std::runtime_error("nobody catches this"); }).join(),
               "nobody catches this");
}

TEST(Fiber, EndsNormallyWhenCancelled) {
  std::atomic<bool> begun{false};
  fiber sleeper([&] {
    begun = true;
    this_fiber::sleep_for(std::chrono::hours(1));
  });
  while (!begun.load()) std::this_thread::yield();
  sleeper.cancel();
  sleeper.join();
}

TEST(Fiber, DetachesAndGoesOn) {
  std::atomic<bool> done{false};
  fiber([&] { done = true; }).detach();
  while (!done.load()) std::this_thread::yield();
}

}  // namespace
}  // namespace ramie
