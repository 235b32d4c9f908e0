// future, shared_future, future_error and their vocabulary.
#include <concepts>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "sut.hpp"

namespace {

using conformance::code_of;
using conformance::for_clocks;
using conformance::soon;
using namespace std::chrono_literals;
using sut::future;
using sut::future_errc;
using sut::future_status;
using sut::promise;
using sut::shared_future;

static_assert(std::is_same_v<sut::future_error, std::future_error>);
static_assert(std::is_same_v<future_errc, std::future_errc>);
static_assert(std::is_same_v<future_status, std::future_status>);
static_assert(std::is_same_v<sut::launch, std::launch>);
static_assert(std::is_base_of_v<std::logic_error, sut::future_error>);
static_assert(std::is_error_code_enum_v<future_errc>);

/// What both kinds have.
template <class F>
concept waitable = std::is_nothrow_default_constructible_v<F> && requires(F const fixed) {
  { fixed.valid() } -> std::same_as<bool>;
  requires noexcept(fixed.valid());
  { fixed.wait() } -> std::same_as<void>;
  { fixed.wait_for(1ns) } -> std::same_as<future_status>;
  { fixed.wait_until(conformance::skewed_clock::now()) } -> std::same_as<future_status>;
};

template <class F, class R>
concept gives = requires(F f) {
  { f.get() } -> std::same_as<R>;
};

template <class F>
inline constexpr bool copies_and_moves =
    std::is_nothrow_copy_constructible_v<F>&& std::is_nothrow_move_constructible_v<F>&&
        std::is_nothrow_copy_assignable_v<F>&& std::is_nothrow_move_assignable_v<F>;

static_assert(waitable<future<int>> && waitable<future<int&>> && waitable<future<void>>);
static_assert(conformance::moves_only<future<int>>);
static_assert(gives<future<int>, int> && gives<future<int&>, int&> && gives<future<void>, void>);
static_assert(!gives<future<int> const, int>);
static_assert(requires(future<int> f) {
  { f.share() } -> std::same_as<shared_future<int>>;
  requires noexcept(f.share());
});

static_assert(waitable<shared_future<int>> && waitable<shared_future<void>>);
static_assert(copies_and_moves<shared_future<int>>);
#ifndef RAMIE_CONFORMANCE_OF_STD  // libstdc++ 12's may throw, they say
static_assert(copies_and_moves<shared_future<int&>> && copies_and_moves<shared_future<void>>);
#endif
static_assert(std::is_nothrow_constructible_v<shared_future<int>, future<int>>);
static_assert(std::is_convertible_v<future<int>, shared_future<int>>);
static_assert(!std::is_constructible_v<shared_future<int>, future<int>&>);
static_assert(gives<shared_future<int> const, int const&>);
static_assert(gives<shared_future<int&> const, int&>);
static_assert(gives<shared_future<void> const, void>);

CONFORMANCE_TEST(FutureError, SaysWhatItIs) {
  std::error_code const code = make_error_code(future_errc::broken_promise);
  EXPECT_EQ(&code.category(), &sut::future_category());
  EXPECT_STREQ(sut::future_category().name(), "future");
  sut::future_error const error(future_errc::no_state);
  EXPECT_EQ(error.code(), future_errc::no_state);
  EXPECT_NE(std::string(error.what()), "");
  EXPECT_EQ(sut::make_error_code(future_errc::broken_promise), code);
  EXPECT_EQ(sut::make_error_condition(future_errc::broken_promise), code.default_error_condition());
  EXPECT_EQ(make_error_condition(future_errc::no_state), error.code().default_error_condition());
}

CONFORMANCE_TEST(Future, WithoutAStateEveryUseIsReported) {
  future<int> none;
  EXPECT_FALSE(none.valid());
  EXPECT_EQ(code_of([&] { none.wait(); }), future_errc::no_state);
  EXPECT_EQ(code_of([&] { static_cast<void>(none.get()); }), future_errc::no_state);
  EXPECT_EQ(code_of([&] { none.wait_for(0s); }), future_errc::no_state);
  EXPECT_FALSE(none.share().valid());
  shared_future<int> const shared;
  EXPECT_EQ(code_of([&] { static_cast<void>(shared.get()); }), future_errc::no_state);
}

CONFORMANCE_TEST(Future, Swaps) {
  promise<int> p;
  future<int> a = p.get_future();
  future<int> b;
  sut::swap(a, b);
  EXPECT_TRUE(!a.valid() && b.valid());
  using namespace sut;
  swap(a, b);
  EXPECT_TRUE(a.valid() && !b.valid());
  shared_future<int> c = a.share();
  shared_future<int> d;
  sut::swap(c, d);
  EXPECT_TRUE(!c.valid() && d.valid());
}

CONFORMANCE_TEST(Future, IsValidUntilItsResultIsTaken) {
  promise<int> p;
  future<int> f = p.get_future();
  EXPECT_TRUE(f.valid());
  future<int> moved(std::move(f));
  EXPECT_FALSE(f.valid());
  f = std::move(moved);
  EXPECT_FALSE(moved.valid());
  p.set_value(1);
  f.wait();
  EXPECT_TRUE(f.valid());
  EXPECT_EQ(f.get(), 1);
  EXPECT_FALSE(f.valid());
  EXPECT_EQ(code_of([&] { static_cast<void>(f.get()); }), future_errc::no_state);
}

CONFORMANCE_TEST(Future, AssigningOverItLeavesTheOldState) {
  promise<std::shared_ptr<int>> p;
  auto f = p.get_future();
  auto value = std::make_shared<int>(1);
  std::weak_ptr<int> const seen = value;
  p.set_value(std::move(value));
  p = promise<std::shared_ptr<int>>();
  EXPECT_FALSE(seen.expired());
  f = p.get_future();
  EXPECT_TRUE(seen.expired());
}

CONFORMANCE_TEST(Future, BringsValuesReferencesAndExceptions) {
  promise<std::unique_ptr<int>> value;
  promise<int&> reference;
  promise<void> nothing;
  promise<int> error;
  int target = 0;
  auto a = value.get_future();
  auto b = reference.get_future();
  auto c = nothing.get_future();
  auto d = error.get_future();
  sut::thread provider([&] {
    value.set_value(std::make_unique<int>(3));
    reference.set_value(target);
    nothing.set_value();
    error.set_exception(std::make_exception_ptr(std::runtime_error("no")));
  });
  EXPECT_EQ(*a.get(), 3);
  EXPECT_EQ(&b.get(), &target);
  c.get();
  EXPECT_THROW(d.get(), std::runtime_error);
  provider.join();
}

CONFORMANCE_TEST(Future, TimesOutByEveryClock) {
  promise<int> p;
  auto f = p.get_future();
  EXPECT_EQ(f.wait_for(soon), future_status::timeout);
  EXPECT_EQ(f.wait_for(-1h), future_status::timeout);
  for_clocks(soon, [&](auto when) { EXPECT_EQ(f.wait_until(when), future_status::timeout); });
  sut::thread provider([&p] { p.set_value(1); });
  for_clocks(1h, [&](auto when) { EXPECT_EQ(f.wait_until(when), future_status::ready); });
  EXPECT_EQ(f.wait_for(0s), future_status::ready);
  provider.join();
}

CONFORMANCE_TEST(SharedFuture, AllGetTheResult) {
  promise<std::string> p;
  shared_future<std::string> first = p.get_future().share();
  std::vector<sut::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([mine = first] { EXPECT_EQ(mine.get(), "text"); });
  }
  p.set_value("text");
  for (auto& each : readers) each.join();
  shared_future<std::string> second(first);
  EXPECT_EQ(&first.get(), &second.get());
  second = std::move(first);
  EXPECT_FALSE(first.valid());
  EXPECT_EQ(second.get(), "text");
}

CONFORMANCE_TEST(SharedFuture, GivesTheSameEachTime) {
  promise<int&> reference;
  promise<void> nothing;
  promise<int> error;
  int target = 0;
  shared_future<int&> const a = reference.get_future();
  shared_future<void> const b = nothing.get_future();
  shared_future<int> const c(error.get_future());
  EXPECT_EQ(c.wait_for(soon), future_status::timeout);
  for_clocks(soon, [&c](auto when) { EXPECT_EQ(c.wait_until(when), future_status::timeout); });
  reference.set_value(target);
  nothing.set_value();
  error.set_exception(std::make_exception_ptr(std::runtime_error("no")));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(&a.get(), &target);
    b.get();
    EXPECT_THROW(static_cast<void>(c.get()), std::runtime_error);
    EXPECT_TRUE(a.valid() && b.valid() && c.valid());
  }
}

}  // namespace
