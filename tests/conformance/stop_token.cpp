// stop_token, stop_source and stop_callback: under both names the standard library's own.
#include <concepts>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::await;
using sut::stop_callback;
using sut::stop_source;
using sut::stop_token;

static_assert(std::is_same_v<stop_token, std::stop_token>);
static_assert(std::is_same_v<stop_source, std::stop_source>);
static_assert(std::is_same_v<stop_callback<void (*)()>, std::stop_callback<void (*)()>>);
static_assert(std::is_same_v<sut::nostopstate_t, std::nostopstate_t>);

template <class T>
concept stop_handle = std::is_nothrow_copy_constructible_v<T> &&
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_copy_assignable_v<T> &&
    std::is_nothrow_move_assignable_v<T> && requires(T given, T const fixed) {
  { given.swap(given) } -> std::same_as<void>;
  requires noexcept(given.swap(given));
  { swap(given, given) } -> std::same_as<void>;
  requires noexcept(swap(given, given));
  { fixed.stop_requested() } -> std::same_as<bool>;
  requires noexcept(fixed.stop_requested());
  { fixed.stop_possible() } -> std::same_as<bool>;
  requires noexcept(fixed.stop_possible());
  { fixed == fixed } -> std::same_as<bool>;
};

static_assert(stop_handle<stop_token> && stop_handle<stop_source>);
static_assert(std::is_nothrow_default_constructible_v<stop_token>);
static_assert(std::is_default_constructible_v<stop_source>);
static_assert(std::is_nothrow_constructible_v<stop_source, sut::nostopstate_t>);
static_assert(noexcept(std::declval<stop_source const&>().get_token()));
static_assert(noexcept(std::declval<stop_source&>().request_stop()));

using callback = stop_callback<void (*)() noexcept>;
static_assert(conformance::stays_where_it_is<callback>);
static_assert(std::is_same_v<callback::callback_type, void (*)() noexcept>);
static_assert(std::is_nothrow_constructible_v<callback, stop_token const&, void (*)() noexcept>);
static_assert(std::is_nothrow_constructible_v<callback, stop_token, void (*)() noexcept>);
static_assert(!std::is_constructible_v<callback, stop_token>);

CONFORMANCE_TEST(StopToken, SharesItsStateWithTheSource) {
  stop_source source;
  stop_token const token = source.get_token();
  stop_source const other(source);
  EXPECT_TRUE(token.stop_possible() && source.stop_possible());
  EXPECT_EQ(token, source.get_token());
  EXPECT_EQ(source, other);
  EXPECT_NE(token, stop_token());
  EXPECT_NE(source, stop_source());
  EXPECT_TRUE(source.request_stop());
  EXPECT_FALSE(source.request_stop());
  EXPECT_TRUE(token.stop_requested() && other.stop_requested());
}

CONFORMANCE_TEST(StopToken, WithoutASourceNothingStops) {
  stop_token token;
  EXPECT_FALSE(token.stop_possible() || token.stop_requested());
  stop_source none(sut::nostopstate);
  EXPECT_FALSE(none.stop_possible() || none.stop_requested() || none.request_stop());
  EXPECT_EQ(none.get_token(), token);
  {
    stop_source const brief;
    token = brief.get_token();
    EXPECT_TRUE(token.stop_possible());
  }
  EXPECT_FALSE(token.stop_possible());
  stop_source asked;
  token = asked.get_token();
  asked.request_stop();
  asked = stop_source(sut::nostopstate);
  EXPECT_TRUE(token.stop_possible() && token.stop_requested());
}

CONFORMANCE_TEST(StopToken, MovesAndSwaps) {
  stop_source a;
  stop_token const token = a.get_token();
  stop_source b(std::move(a));
  EXPECT_FALSE(a.stop_possible());
  swap(a, b);
  sut::swap(a, b);
  sut::swap(a, b);
  a.swap(b);
  EXPECT_EQ(b.get_token(), token);
  stop_token c = token;
  stop_token d(std::move(c));
  EXPECT_FALSE(c.stop_possible());
  swap(c, d);
  sut::swap(c, d);
  sut::swap(c, d);
  c.swap(d);
  EXPECT_EQ(d, token);
}

CONFORMANCE_TEST(StopCallback, IsCalledOnceByWhoeverRequests) {
  stop_source source;
  sut::thread::id by;
  int calls = 0;
  stop_callback const called(source.get_token(), [&] {
    ++calls;
    by = sut::this_thread::get_id();
  });
  sut::thread other([&source] { source.request_stop(); });
  auto const id = other.get_id();
  other.join();
  source.request_stop();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(by, id);
}

CONFORMANCE_TEST(StopCallback, IsCalledAtOnceIfAStopWasRequested) {
  stop_source source;
  source.request_stop();
  int value = 0;
  stop_callback const called(source.get_token(),
                             [&value, n = std::make_unique<int>(4)] { value = *n; });
  EXPECT_EQ(value, 4);
}

CONFORMANCE_TEST(StopCallback, IsNotCalledOnceItHasGone) {
  stop_source source;
  int calls = 0;
  auto count = [&calls] { ++calls; };
  stop_callback const stays(source.get_token(), count);
  std::optional<stop_callback<decltype(count)>> goes;
  goes.emplace(source.get_token(), count);
  goes.reset();
  stop_callback const never(stop_token(), count);
  source.request_stop();
  EXPECT_EQ(calls, 1);
}

CONFORMANCE_TEST(StopCallback, MayDestroyItself) {
  stop_source source;
  struct destroys {
    std::optional<stop_callback<destroys>>* self;
    void operator()() const { self->reset(); }
  };
  std::optional<stop_callback<destroys>> callback_of_itself;
  callback_of_itself.emplace(source.get_token(), destroys{&callback_of_itself});
  source.request_stop();
  EXPECT_FALSE(callback_of_itself.has_value());
}

}  // namespace
