// thread and thread::id.
#include <atomic>
#include <compare>
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::await;
using conformance::code_of;
using sut::thread;

static_assert(std::is_nothrow_default_constructible_v<thread>);
static_assert(conformance::moves_only<thread>);
static_assert(!std::is_constructible_v<thread, thread&>);
static_assert(!std::is_convertible_v<void (*)(), thread>);
static_assert(std::is_constructible_v<thread, void (*)(int), int>);
static_assert(requires(thread t, thread const fixed) {
  { t.swap(t) } -> std::same_as<void>;
  requires noexcept(t.swap(t));
  { sut::swap(t, t) } -> std::same_as<void>;
  requires noexcept(sut::swap(t, t));
  { fixed.joinable() } -> std::same_as<bool>;
  requires noexcept(fixed.joinable());
  { t.join() } -> std::same_as<void>;
  { t.detach() } -> std::same_as<void>;
  { fixed.get_id() } -> std::same_as<thread::id>;
  requires noexcept(fixed.get_id());
  { thread::hardware_concurrency() } -> std::same_as<unsigned>;
  requires noexcept(thread::hardware_concurrency());
});

static_assert(std::is_nothrow_default_constructible_v<thread::id>);
static_assert(std::is_trivially_copyable_v<thread::id>);
static_assert(std::totally_ordered<thread::id>);
static_assert(requires(thread::id a, sut::hash<thread::id> const hash) {
  requires noexcept(a == a);
  { a <=> a } -> std::same_as<std::strong_ordering>;
  requires noexcept(a <=> a);
  { hash(a) } -> std::same_as<std::size_t>;
});
static_assert(std::is_default_constructible_v<std::hash<thread::id>>);
static_assert(std::is_copy_constructible_v<std::hash<thread::id>>);

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

struct counter {
  int count = 0;
  void add(int n) { count += n; }
};

CONFORMANCE_TEST(Thread, InvokesWhatIsInvocable) {
  counter made;
  thread(&counter::add, &made, 2).join();
  thread([&made, owned = std::make_unique<int>(3)]() mutable { made.add(*owned); }).join();
  thread(std::bind_front(&counter::add, std::ref(made)), 4).join();
  EXPECT_EQ(made.count, 9);
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(throws_when_copied const&) { throw std::runtime_error("copied"); }
  void operator()() const {}
};

CONFORMANCE_TEST(Thread, CopiesWhereItIsMade) {
  throws_when_copied const function;
  EXPECT_THROW(thread{function}, std::runtime_error);
  EXPECT_THROW(thread([](throws_when_copied const&) {}, function), std::runtime_error);
}

CONFORMANCE_TEST(Thread, MisuseIsReported) {
  thread none;
  EXPECT_EQ(none.get_id(), thread::id());
  EXPECT_EQ(code_of([&] { none.join(); }), std::errc::invalid_argument);
  EXPECT_EQ(code_of([&] { none.detach(); }), std::errc::invalid_argument);
  std::atomic<bool> known{false};
  std::atomic<bool> tried{false};
  thread self;
  self = thread([&] {
    await(known);
    EXPECT_EQ(code_of([&] { self.join(); }), std::errc::resource_deadlock_would_occur);
    tried.store(true);
  });
  known.store(true);
  await(tried);
  self.join();
}

CONFORMANCE_TEST(Thread, MovesAndSwaps) {
  std::atomic<bool> go{false};
  thread a([&go] { await(go); });
  thread::id const id = a.get_id();
  thread b(std::move(a));
  EXPECT_FALSE(a.joinable());
  EXPECT_EQ(a.get_id(), thread::id());
  EXPECT_EQ(code_of([&] { a.join(); }), std::errc::invalid_argument);
  EXPECT_EQ(b.get_id(), id);
  swap(a, b);
  EXPECT_EQ(a.get_id(), id);
  sut::swap(a, b);
  a.swap(b);
  EXPECT_EQ(a.get_id(), id);
  b = std::move(a);
  EXPECT_EQ(b.get_id(), id);
  go.store(true);
  b.join();
  EXPECT_EQ(b.get_id(), thread::id());
}

CONFORMANCE_TEST(Thread, ADetachedOneGoesOn) {
  std::atomic<bool> go{false};
  std::atomic<bool> ended{false};
  thread other([&] {
    await(go);
    ended.store(true);
  });
  other.detach();
  EXPECT_FALSE(other.joinable());
  EXPECT_EQ(other.get_id(), thread::id());
  EXPECT_EQ(code_of([&] { other.join(); }), std::errc::invalid_argument);
  go.store(true);
  await(ended);
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
  EXPECT_EQ(thread::id(), thread::id());
  EXPECT_NE(here < there, there < here);
  EXPECT_EQ(here <=> there == std::strong_ordering::less, here < there);
  EXPECT_TRUE(here <= here && here >= here && (here <=> here) == 0);
  EXPECT_EQ(std::hash<thread::id>()(there), std::hash<thread::id>()(known));
  std::map<thread::id, int> const ordered{{here, 1}, {there, 2}, {thread::id(), 3}};
  std::unordered_set<thread::id> const hashed{here, there, thread::id(), known};
  EXPECT_EQ(ordered.size(), 3u);
  EXPECT_EQ(hashed.size(), 3u);
  std::ostringstream first;
  std::ostringstream second;
  std::ostringstream again;
  first << here;
  second << there;
  again << known;
  EXPECT_NE(first.str(), second.str());
  EXPECT_EQ(second.str(), again.str());
  std::wostringstream wide;
  static_assert(std::is_same_v<decltype(wide << here), std::wostream&>);
  wide << here;
  EXPECT_FALSE(wide.str().empty());
}

CONFORMANCE_TEST(Thread, ThereIsSomeConcurrency) {
  EXPECT_GE(thread::hardware_concurrency(), 1u);
}

class ThreadDeath : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ThreadDeath, AJoinableOneMustNotBeDestroyed) {
  EXPECT_DEATH(conformance::run([] { thread forgotten([] {}); }), "");
}

TEST_F(ThreadDeath, AJoinableOneMustNotBeAssignedTo) {
  EXPECT_DEATH(conformance::run([] {
                 thread joinable([] {});
                 joinable = thread();
               }),
               "");
}

TEST_F(ThreadDeath, AnExceptionMustNotLeaveItsFunction) {
  EXPECT_DEATH(conformance::run(
                   [] { thread([] { throw std::runtime_error("nobody catches this"); }).join(); }),
               "nobody catches this");
}

}  // namespace
