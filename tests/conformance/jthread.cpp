#include <atomic>
#include <concepts>
#include <functional>
#include <memory>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::await;
using conformance::code_of;
using sut::jthread;
using sut::stop_token;

static_assert(std::is_same_v<jthread::id, sut::thread::id>);
static_assert(std::is_nothrow_default_constructible_v<jthread>);
static_assert(conformance::moves_only<jthread>);
static_assert(!std::is_convertible_v<void (*)(), jthread>);
static_assert(requires(jthread t, jthread const fixed) {
  { t.swap(t) } -> std::same_as<void>;
  requires noexcept(t.swap(t));
  { swap(t, t) } -> std::same_as<void>;
  requires noexcept(swap(t, t));
  { fixed.joinable() } -> std::same_as<bool>;
  requires noexcept(fixed.joinable());
  { t.join() } -> std::same_as<void>;
  { t.detach() } -> std::same_as<void>;
  { fixed.get_id() } -> std::same_as<jthread::id>;
  requires noexcept(fixed.get_id());
  { t.get_stop_source() } -> std::same_as<sut::stop_source>;
  requires noexcept(t.get_stop_source());
  { fixed.get_stop_token() } -> std::same_as<stop_token>;
  requires noexcept(fixed.get_stop_token());
  { t.request_stop() } -> std::same_as<bool>;
  requires noexcept(t.request_stop());
  { jthread::hardware_concurrency() } -> std::same_as<unsigned>;
  requires noexcept(jthread::hardware_concurrency());
});

void run_until_stopped(stop_token stop) {
  while (!stop.stop_requested()) sut::this_thread::yield();
}

CONFORMANCE_TEST(Jthread, PassesItsTokenToWhatTakesOne) {
  int sum = 0;
  jthread(
      [](stop_token stop, std::unique_ptr<int> n, int& to) {
        EXPECT_TRUE(stop.stop_possible());
        to += *n;
      },
      std::make_unique<int>(3), std::ref(sum))
      .join();
  jthread([&sum](int n) { sum += n; }, 4).join();
  EXPECT_EQ(sum, 7);
  struct takes {
    int& to;
    void member(int n) { to += n; }
  } target{sum};
  jthread(&takes::member, &target, 5).join();
  EXPECT_EQ(sum, 12);
}

CONFORMANCE_TEST(Jthread, StopsAndJoinsAtItsEnd) {
  bool stopped = false;
  {
    jthread const other(
        [&stopped](stop_token stop, int) {
          run_until_stopped(std::move(stop));
          stopped = true;
        },
        1);
    EXPECT_TRUE(other.joinable());
    EXPECT_NE(other.get_id(), jthread::id());
    EXPECT_TRUE(other.get_stop_token().stop_possible());
  }
  EXPECT_TRUE(stopped);
}

CONFORMANCE_TEST(Jthread, IsAskedToStopOnce) {
  jthread other(run_until_stopped);
  stop_token const token = other.get_stop_token();
  EXPECT_EQ(token, other.get_stop_source().get_token());
  int called = 0;
  sut::stop_callback const callback(token, [&called] { ++called; });
  EXPECT_FALSE(token.stop_requested());
  EXPECT_TRUE(other.request_stop());
  EXPECT_FALSE(other.request_stop());
  EXPECT_FALSE(other.get_stop_source().request_stop());
  EXPECT_TRUE(token.stop_requested());
  EXPECT_EQ(called, 1);
  other.join();
  EXPECT_FALSE(other.joinable());
  EXPECT_EQ(other.get_id(), jthread::id());
}

CONFORMANCE_TEST(Jthread, AnEmptyOneHasNothingToStop) {
  jthread none;
  EXPECT_FALSE(none.joinable());
  EXPECT_FALSE(none.get_stop_source().stop_possible());
  EXPECT_FALSE(none.get_stop_token().stop_possible());
  EXPECT_FALSE(none.request_stop());
  EXPECT_EQ(code_of([&] { none.join(); }), std::errc::invalid_argument);
  EXPECT_EQ(code_of([&] { none.detach(); }), std::errc::invalid_argument);
}

CONFORMANCE_TEST(Jthread, MovesAndSwaps) {
  jthread a(run_until_stopped);
  auto const id = a.get_id();
  stop_token const token = a.get_stop_token();
  jthread b(std::move(a));
  EXPECT_FALSE(a.joinable());
  EXPECT_FALSE(a.get_stop_token().stop_possible());
  EXPECT_EQ(b.get_id(), id);
  swap(a, b);
  EXPECT_EQ(a.get_id(), id);
  EXPECT_EQ(a.get_stop_token(), token);
  sut::swap(a, b);
  EXPECT_EQ(b.get_id(), id);
  EXPECT_EQ(b.get_stop_token(), token);
  b.swap(a);
  a.swap(b);
  a = std::move(b);
  EXPECT_EQ(a.get_id(), id);
  EXPECT_FALSE(token.stop_requested());
  a = jthread(run_until_stopped);  // stops and joins the one it had
  EXPECT_TRUE(token.stop_requested());
  EXPECT_FALSE(a.get_stop_token().stop_requested());
}

CONFORMANCE_TEST(Jthread, ADetachedOneIsNotAskedToStop) {
  std::atomic<bool> go{false};
  std::atomic<bool> ended{false};
  stop_token token;
  {
    jthread other([&] {
      await(go);
      ended.store(true);
    });
    token = other.get_stop_token();
    other.detach();
    EXPECT_FALSE(other.joinable());
  }
  EXPECT_FALSE(token.stop_requested());
  go.store(true);
  await(ended);
}

}  // namespace
