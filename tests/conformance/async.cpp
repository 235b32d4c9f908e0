#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::await;
using namespace std::chrono_literals;
using sut::future;
using sut::future_status;
using sut::launch;

int twice(int n) {
  return 2 * n;
}

static_assert(std::is_same_v<decltype(sut::async(twice, 1)), future<int>>);
static_assert(std::is_same_v<decltype(sut::async(launch::deferred, twice, 1)), future<int>>);
static_assert(std::is_same_v<decltype(sut::async([](int& n) -> int& { return n; },
                                                 std::declval<std::reference_wrapper<int>>())),
                             future<int&>>);
static_assert(std::is_same_v<decltype(sut::async([] {})), future<void>>);

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

struct counter {
  int count = 0;
  int add(int n) { return count += n; }
};

CONFORMANCE_TEST(Async, InvokesWhatIsInvocableWithDecayedCopies) {
  counter made;
  EXPECT_EQ(sut::async(twice, 2).get(), 4);
  EXPECT_EQ(sut::async(&counter::add, &made, 2).get(), 2);
  int value = 1;
  for (auto const policy : {launch::async, launch::deferred, launch::async | launch::deferred}) {
    value = 1;
    auto f = sut::async(
        policy, [](int copy, int& reference) { return copy + ++reference; }, value,
        std::ref(made.count));
    value = 50;
    int const got = f.get();
    EXPECT_EQ(got, 1 + made.count);
    auto g = sut::async(
        policy, [](std::unique_ptr<int> n) { return n; }, std::make_unique<int>(7));
    EXPECT_EQ(*g.get(), 7);
  }
  EXPECT_EQ(made.count, 5);
}

// The policy, and an argument, may bring another library's functions along.
CONFORMANCE_TEST(Async, IsMeantByItsBareName) {
  using namespace sut;
  auto const length = [](std::string const& text) { return text.size(); };
  static_assert(std::is_same_v<decltype(async(launch::async, twice, 1)), sut::future<int>>);
  EXPECT_EQ(async(launch::async, twice, 2).get(), 4);
  EXPECT_EQ(async(launch::deferred, length, std::string("abc")).get(), 3u);
  EXPECT_EQ(async(length, std::string("ab")).get(), 2u);
}

CONFORMANCE_TEST(Async, ExceptionsGoToTheFuture) {
  for (auto const policy : {launch::async, launch::deferred, launch::async | launch::deferred}) {
    auto f = sut::async(policy, [] { throw std::runtime_error("no"); });
    EXPECT_THROW(f.get(), std::runtime_error);
    EXPECT_FALSE(f.valid());
  }
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(throws_when_copied const&) { throw std::runtime_error("copied"); }
  void operator()() const {}
};

CONFORMANCE_TEST(Async, CopiesWhereItIsCalled) {
  throws_when_copied const function;
  EXPECT_THROW(static_cast<void>(sut::async(launch::async, function)), std::runtime_error);
  EXPECT_THROW(static_cast<void>(sut::async(launch::deferred, function)), std::runtime_error);
}

CONFORMANCE_TEST(Async, TimedWaitsSeeItRun) {
  std::atomic<bool> go{false};
  auto f = sut::async(launch::async, [&go] { await(go); });
  EXPECT_EQ(f.wait_for(conformance::soon), future_status::timeout);
  go.store(true);
  EXPECT_EQ(f.wait_for(1h), future_status::ready);
  f.get();
}

CONFORMANCE_TEST(Async, ASharedDeferredCallIsMadeOnce) {
  std::atomic<int> calls{0};
  auto const shared = sut::async(launch::deferred, [&calls] { return ++calls; }).share();
  sut::thread other([shared] { EXPECT_EQ(shared.get(), 1); });
  EXPECT_EQ(shared.get(), 1);
  other.join();
  EXPECT_EQ(calls.load(), 1);
}

}  // namespace
