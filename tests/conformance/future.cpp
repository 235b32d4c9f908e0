#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sut.hpp"

namespace {

using conformance::for_clocks;
using conformance::soon;
using namespace std::chrono_literals;
using sut::future;
using sut::future_errc;
using sut::future_status;
using sut::launch;
using sut::packaged_task;
using sut::promise;
using sut::shared_future;

template <class T>
inline constexpr bool moves_only =
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;

static_assert(moves_only<future<int>> && moves_only<promise<int>>);
static_assert(moves_only<packaged_task<int()>>);
static_assert(std::is_nothrow_default_constructible_v<future<int>>);
static_assert(std::is_nothrow_default_constructible_v<shared_future<int>>);
static_assert(std::is_nothrow_default_constructible_v<packaged_task<int()>>);
static_assert(std::is_nothrow_copy_constructible_v<shared_future<int>>);
static_assert(std::is_nothrow_constructible_v<shared_future<int>, future<int>>);
static_assert(std::is_same_v<decltype(std::declval<future<int>&>().get()), int>);
static_assert(std::is_same_v<decltype(std::declval<future<int&>&>().get()), int&>);
static_assert(std::is_same_v<decltype(std::declval<future<void>&>().get()), void>);
static_assert(std::is_same_v<decltype(std::declval<shared_future<int>&>().get()), int const&>);
static_assert(std::is_same_v<decltype(std::declval<shared_future<int&>&>().get()), int&>);
static_assert(std::is_same_v<decltype(std::declval<shared_future<void>&>().get()), void>);
static_assert(noexcept(std::declval<future<int>&>().share()));
static_assert(noexcept(std::declval<future<int>&>().valid()));
static_assert(std::uses_allocator_v<promise<int>, std::allocator<int>>);

template <class F>
std::error_code error_of(F f) {
  try {
    f();
  } catch (sut::future_error const& error) {
    return error.code();
  }
  return {};
}

CONFORMANCE_TEST(Future, MisuseIsReported) {
  future<int> none;
  EXPECT_FALSE(none.valid());
  promise<int> p;
  future<int> f = p.get_future();
  EXPECT_EQ(error_of([&] { static_cast<void>(p.get_future()); }),
            future_errc::future_already_retrieved);
  p.set_value(1);
  EXPECT_EQ(error_of([&] { p.set_value(2); }), future_errc::promise_already_satisfied);
  EXPECT_EQ(error_of([&] { p.set_exception(nullptr); }), future_errc::promise_already_satisfied);
  EXPECT_EQ(f.get(), 1);
  EXPECT_FALSE(f.valid());
  promise<int> moved(std::move(p));
  EXPECT_EQ(error_of([&] { p.set_value(2); }), future_errc::no_state);
  EXPECT_EQ(error_of([&] { static_cast<void>(p.get_future()); }), future_errc::no_state);
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

CONFORMANCE_TEST(Future, APromiseThatGoesIsBroken) {
  auto p = std::make_unique<promise<int>>();
  auto f = p->get_future();
  p.reset();
  EXPECT_EQ(error_of([&] { f.get(); }), future_errc::broken_promise);
  promise<int> other;
  f = other.get_future();
  other = promise<int>();
  EXPECT_EQ(error_of([&] { f.get(); }), future_errc::broken_promise);
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(throws_when_copied const&) { throw std::runtime_error("copied"); }
  throws_when_copied(throws_when_copied&&) noexcept = default;
};

CONFORMANCE_TEST(Future, AValueThatCannotBeMadeIsNotProvided) {
  promise<throws_when_copied> p;
  auto f = p.get_future();
  throws_when_copied const value;
  EXPECT_THROW(p.set_value(value), std::runtime_error);
  p.set_value(throws_when_copied());
  static_cast<void>(f.get());
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

CONFORMANCE_TEST(Future, SharedOnesAllGetTheResult) {
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

CONFORMANCE_TEST(Promise, TakesItsMemoryFromAnAllocator) {
  std::array<std::byte, 1024> buffer;
  std::pmr::monotonic_buffer_resource memory(buffer.data(), buffer.size(),
                                             std::pmr::null_memory_resource());
  std::pmr::polymorphic_allocator<> const allocator(&memory);
  promise<int> p(std::allocator_arg, allocator);
  auto f = p.get_future();
  p.set_value(4);
  EXPECT_EQ(f.get(), 4);
}

CONFORMANCE_TEST(Promise, Swaps) {
  promise<int> a;
  promise<int> b;
  auto f = a.get_future();
  swap(a, b);
  a.swap(b);
  swap(a, b);
  b.set_value(2);
  EXPECT_EQ(f.get(), 2);
}

CONFORMANCE_TEST(PackagedTask, CallsItsFunctionForTheFuture) {
  packaged_task<int(int, std::unique_ptr<int>)> task(
      [base = std::make_unique<int>(1)](int a, std::unique_ptr<int> b) { return *base + a + *b; });
  EXPECT_TRUE(task.valid());
  auto f = task.get_future();
  sut::thread caller(std::move(task), 2, std::make_unique<int>(3));
  EXPECT_EQ(f.get(), 6);
  caller.join();
  EXPECT_FALSE(task.valid());
  EXPECT_EQ(error_of([&] { task(1, nullptr); }), future_errc::no_state);
}

CONFORMANCE_TEST(PackagedTask, IsCalledOnceUntilItIsReset) {
  packaged_task task([n = 0]() mutable { return ++n; });
  static_assert(std::is_same_v<decltype(task), packaged_task<int()>>);
  auto first = task.get_future();
  task();
  EXPECT_EQ(error_of([&] { task(); }), future_errc::promise_already_satisfied);
  EXPECT_EQ(first.get(), 1);
  task.reset();
  auto second = task.get_future();
  task.reset();
  EXPECT_EQ(error_of([&] { second.get(); }), future_errc::broken_promise);
  auto third = task.get_future();
  task();
  EXPECT_EQ(third.get(), 2);
}

CONFORMANCE_TEST(PackagedTask, ExceptionsGoToTheFuture) {
  packaged_task<void()> task([] { throw std::runtime_error("no"); });
  auto f = task.get_future();
  task();
  EXPECT_THROW(f.get(), std::runtime_error);
}

CONFORMANCE_TEST(Async, CallsOnAThreadOfItsOwn) {
  auto const here = sut::this_thread::get_id();
  auto f = sut::async(
      launch::async,
      [](std::unique_ptr<int> n) { return std::pair(*n, sut::this_thread::get_id()); },
      std::make_unique<int>(5));
  auto const [value, there] = f.get();
  EXPECT_EQ(value, 5);
  EXPECT_NE(here, there);
  int target = 1;
  EXPECT_EQ(&sut::async([](int& n) -> int& { return n; }, std::ref(target)).get(), &target);
  auto failing = sut::async([] { throw std::runtime_error("no"); });
  EXPECT_THROW(failing.get(), std::runtime_error);
}

CONFORMANCE_TEST(Async, ADeferredCallIsMadeByTheFirstToWait) {
  auto const here = sut::this_thread::get_id();
  int calls = 0;
  auto f = sut::async(launch::deferred, [&] {
    ++calls;
    return sut::this_thread::get_id();
  });
  EXPECT_EQ(f.wait_for(0s), future_status::deferred);
  EXPECT_EQ(f.wait_until(conformance::skewed_clock::now()), future_status::deferred);
  EXPECT_EQ(calls, 0);
  f.wait();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(f.wait_for(0s), future_status::ready);
  EXPECT_EQ(f.get(), here);
  {
    auto const unused = sut::async(launch::deferred, [&calls] { ++calls; });
  }
  EXPECT_EQ(calls, 1);
}

CONFORMANCE_TEST(Async, TheLastFutureWaitsForTheCall) {
  std::atomic<bool> go{false};
  bool ended = false;
  sut::thread releaser([&go] { go.store(true); });
  {
    auto const f = sut::async(launch::async, [&] {
      conformance::await(go);
      ended = true;
    });
  }
  EXPECT_TRUE(ended);
  releaser.join();
}

}  // namespace
