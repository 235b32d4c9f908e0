#include <atomic>
#include <concepts>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::code_of;
using namespace std::chrono_literals;
using sut::future;
using sut::future_errc;
using sut::packaged_task;

using task_type = packaged_task<int(long)>;

static_assert(std::is_nothrow_default_constructible_v<task_type>);
static_assert(conformance::moves_only<task_type>);
static_assert(std::is_constructible_v<task_type, int (*)(int)>);
static_assert(!std::is_convertible_v<int (*)(int), task_type>);
static_assert(!std::is_constructible_v<task_type, task_type const&>);
static_assert(requires(task_type task, task_type const fixed) {
  { task.swap(task) } -> std::same_as<void>;
  requires noexcept(task.swap(task));
  { sut::swap(task, task) } -> std::same_as<void>;
  requires noexcept(sut::swap(task, task));
  { fixed.valid() } -> std::same_as<bool>;
  requires noexcept(fixed.valid());
  { task.get_future() } -> std::same_as<future<int>>;
  { task(1L) } -> std::same_as<void>;
  { task.make_ready_at_thread_exit(1L) } -> std::same_as<void>;
  { task.reset() } -> std::same_as<void>;
});

template <bool is_noexcept>
struct callable {
  int operator()(long) const& noexcept(is_noexcept);
};
struct mutable_callable {
  void operator()() &;
};
template <class F>
using deduced = decltype(packaged_task(std::declval<F>()));
static_assert(std::is_same_v<deduced<callable<false>>, task_type>);
static_assert(std::is_same_v<deduced<callable<true>>, task_type>);
static_assert(std::is_same_v<deduced<mutable_callable>, packaged_task<void()>>);
static_assert(std::is_same_v<deduced<int (*)(char)>, packaged_task<int(char)>>);

CONFORMANCE_TEST(PackagedTask, CallsItsFunctionForTheFuture) {
  packaged_task<int(int, std::unique_ptr<int>)> task(
      [base = std::make_unique<int>(1)](int a, std::unique_ptr<int> b) { return *base + a + *b; });
  EXPECT_TRUE(task.valid());
  auto f = task.get_future();
  sut::thread caller(std::move(task), 2, std::make_unique<int>(3));
  EXPECT_EQ(f.get(), 6);
  caller.join();
  EXPECT_FALSE(task.valid());
  EXPECT_EQ(code_of([&] { task(1, nullptr); }), future_errc::no_state);
}

CONFORMANCE_TEST(PackagedTask, IsCalledOnceUntilItIsReset) {
  packaged_task task([n = 0]() mutable { return ++n; });
  static_assert(std::is_same_v<decltype(task), packaged_task<int()>>);
  auto first = task.get_future();
  task();
  EXPECT_EQ(code_of([&] { task(); }), future_errc::promise_already_satisfied);
  EXPECT_EQ(first.get(), 1);
  task.reset();
  auto second = task.get_future();
  task.reset();
  EXPECT_EQ(code_of([&] { static_cast<void>(second.get()); }), future_errc::broken_promise);
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

CONFORMANCE_TEST(PackagedTask, BringsReferencesAndConvertedResults) {
  int target = 0;
  packaged_task<int&()> reference([&target]() -> int& { return target; });
  packaged_task<void()> dropped([] { return 1; });
  packaged_task<double(int)> converted([](long n) { return n; });
  auto a = reference.get_future();
  auto b = dropped.get_future();
  auto c = converted.get_future();
  reference(), dropped(), converted(2);
  EXPECT_EQ(&a.get(), &target);
  b.get();
  EXPECT_EQ(c.get(), 2.0);
}

CONFORMANCE_TEST(PackagedTask, MovesAndSwaps) {
  packaged_task<int()> a([] { return 1; });
  auto f = a.get_future();
  packaged_task<int()> b(std::move(a));
  EXPECT_FALSE(a.valid());
  swap(a, b);
  a.swap(b);
  EXPECT_TRUE(b.valid());
  a = std::move(b);
  a();
  EXPECT_EQ(f.get(), 1);
  auto const no_state = future_errc::no_state;
  EXPECT_EQ(code_of([&] { b(); }), no_state);
  EXPECT_EQ(code_of([&] { b.reset(); }), no_state);
  EXPECT_EQ(code_of([&] { b.make_ready_at_thread_exit(); }), no_state);
  EXPECT_EQ(code_of([&] { static_cast<void>(b.get_future()); }), no_state);
  EXPECT_EQ(code_of([&] { static_cast<void>(a.get_future()); }),
            future_errc::future_already_retrieved);
}

CONFORMANCE_TEST(PackagedTask, OneThatGoesUncalledIsBroken) {
  future<void> f;
  {
    packaged_task<void()> task([] {});
    f = task.get_future();
  }
  EXPECT_EQ(code_of([&] { f.get(); }), future_errc::broken_promise);
}

struct throws_when_moved {
  throws_when_moved() = default;
  throws_when_moved(throws_when_moved&&) { throw std::runtime_error("moved"); }
};

CONFORMANCE_TEST(PackagedTask, AnArgumentThatCannotBePassedOnIsAResult) {
  packaged_task<void(throws_when_moved)> task([](throws_when_moved) {});
  auto f = task.get_future();
  task(throws_when_moved());
  EXPECT_THROW(f.get(), std::runtime_error);
}

CONFORMANCE_TEST(PackagedTask, MakesReadyAtThreadExitWhatItCallsNow) {
  for (bool const fails : {false, true}) {
    bool called = false;
    packaged_task<int(int)> task([&](int n) {
      called = true;
      return fails ? throw std::runtime_error("no") : n;
    });
    auto f = task.get_future();
    std::atomic<bool> gone{false};
    sut::thread other([&] {
      conformance::local<conformance::tells_when_it_goes>().gone = &gone;
      task.make_ready_at_thread_exit(3);
      EXPECT_TRUE(called);
      EXPECT_EQ(f.wait_for(0s), sut::future_status::timeout);
      EXPECT_EQ(code_of([&] { task(4); }), future_errc::promise_already_satisfied);
      EXPECT_EQ(code_of([&] { task.make_ready_at_thread_exit(4); }),
                future_errc::promise_already_satisfied);
    });
    f.wait();
    EXPECT_TRUE(gone.load());
    other.join();
    if (fails) {
      EXPECT_THROW(f.get(), std::runtime_error);
    } else {
      EXPECT_EQ(f.get(), 3);
    }
  }
}

}  // namespace
