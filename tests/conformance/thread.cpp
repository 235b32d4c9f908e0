#include <functional>
#include <memory>
#include <sstream>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::await;
using conformance::code_of;
using sut::jthread;
using sut::thread;

static_assert(std::is_nothrow_default_constructible_v<thread>);
static_assert(!std::is_copy_constructible_v<thread> && !std::is_copy_assignable_v<thread>);
static_assert(std::is_nothrow_move_constructible_v<thread>);
static_assert(std::is_nothrow_move_assignable_v<thread>);
static_assert(!std::is_convertible_v<void (*)(), thread>);
static_assert(std::is_trivially_copyable_v<thread::id>);
static_assert(std::is_nothrow_default_constructible_v<thread::id>);
static_assert(noexcept(std::declval<thread const&>().joinable()));
static_assert(noexcept(std::declval<thread const&>().get_id()));
static_assert(noexcept(std::declval<thread&>().swap(std::declval<thread&>())));
static_assert(noexcept(sut::this_thread::get_id()) && noexcept(sut::this_thread::yield()));
static_assert(noexcept(thread::hardware_concurrency()));
static_assert(std::is_same_v<jthread::id, thread::id>);
static_assert(std::is_nothrow_default_constructible_v<jthread>);
static_assert(std::is_nothrow_move_constructible_v<jthread>);
static_assert(std::is_nothrow_move_assignable_v<jthread>);
static_assert(!std::is_copy_constructible_v<jthread>);
static_assert(noexcept(std::declval<jthread&>().request_stop()));

CONFORMANCE_TEST(Thread, CallsItsFunctionWithDecayedCopies) {
  int value = 1;
  thread other(
      [](std::unique_ptr<int> given, int copy, int& reference) { reference = *given + copy; },
      std::make_unique<int>(3), value, std::ref(value));
  EXPECT_TRUE(other.joinable());
  other.join();
  EXPECT_FALSE(other.joinable());
  EXPECT_EQ(value, 4);
}

CONFORMANCE_TEST(Thread, MisuseIsReported) {
  thread none;
  EXPECT_EQ(none.get_id(), thread::id());
  EXPECT_EQ(code_of([&] { none.join(); }), std::errc::invalid_argument);
  EXPECT_EQ(code_of([&] { none.detach(); }), std::errc::invalid_argument);
}

CONFORMANCE_TEST(Thread, MovesAndSwaps) {
  std::atomic<bool> go{false};
  thread a([&go] { await(go); });
  thread::id const id = a.get_id();
  thread b(std::move(a));
  EXPECT_FALSE(a.joinable());
  EXPECT_EQ(b.get_id(), id);
  swap(a, b);
  EXPECT_EQ(a.get_id(), id);
  b = std::move(a);
  EXPECT_EQ(b.get_id(), id);
  go.store(true);
  b.join();
}

CONFORMANCE_TEST(Thread, IdsCompareHashAndPrint) {
  thread::id const here = sut::this_thread::get_id();
  thread::id there;
  thread other([&there] { there = sut::this_thread::get_id(); });
  thread::id const known = other.get_id();
  other.join();
  EXPECT_EQ(known, there);
  EXPECT_NE(here, there);
  EXPECT_NE(here, thread::id());
  EXPECT_TRUE((here < there) != (there < here));
  EXPECT_EQ(std::hash<thread::id>()(there), std::hash<thread::id>()(known));
  std::ostringstream first, second;
  first << here;
  second << there;
  EXPECT_NE(first.str(), second.str());
}

CONFORMANCE_TEST(Jthread, StopsAndJoinsAtItsEnd) {
  std::atomic<bool> stopped{false};
  {
    jthread const other(
        [&stopped](sut::stop_token stop, int) {
          while (!stop.stop_requested()) sut::this_thread::yield();
          stopped.store(true);
        },
        1);
    EXPECT_TRUE(other.joinable());
    EXPECT_TRUE(other.get_stop_token().stop_possible());
  }
  EXPECT_TRUE(stopped.load());
  jthread none;
  EXPECT_FALSE(none.get_stop_source().stop_possible());
  EXPECT_FALSE(none.request_stop());
}

}  // namespace
