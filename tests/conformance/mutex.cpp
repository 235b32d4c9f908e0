#include <atomic>
#include <concepts>
#include <utility>
#include <vector>

#include "sut.hpp"

namespace {

using conformance::for_clocks;
using conformance::in_another_thread;
using conformance::soon;
using namespace std::chrono_literals;

static_assert(std::is_nothrow_default_constructible_v<sut::mutex>);

constinit sut::mutex made_at_compile_time;

template <class M>
concept lockable = conformance::stays_where_it_is<M> && std::is_default_constructible_v<M> &&
    requires(M m) {
  { m.lock() } -> std::same_as<void>;
  { m.try_lock() } -> std::same_as<bool>;
  { m.unlock() } -> std::same_as<void>;
};

template <class M>
concept recursively_lockable = lockable<M> && requires(M m) {
  requires noexcept(m.try_lock());
};

template <class M>
concept timed_lockable = lockable<M> && requires(M m) {
  { m.try_lock_for(1ns) } -> std::same_as<bool>;
  { m.try_lock_until(conformance::skewed_clock::now()) } -> std::same_as<bool>;
};

static_assert(lockable<sut::mutex> && !timed_lockable<sut::mutex>);
static_assert(lockable<sut::recursive_mutex> && !timed_lockable<sut::recursive_mutex>);
static_assert(timed_lockable<sut::timed_mutex>);
static_assert(timed_lockable<sut::recursive_timed_mutex>);
static_assert(recursively_lockable<sut::recursive_mutex>);
static_assert(recursively_lockable<sut::recursive_timed_mutex>);

template <class M>
void excludes() {
  M m;
  int counter = 0;
  auto const work = [&] {
    for (int i = 0; i < 2000; ++i) {
      sut::lock_guard const guard(m);
      int const seen = counter;
      if (i % 64 == 0) sut::this_thread::yield();
      counter = seen + 1;
    }
  };
  std::vector<sut::thread> others;
  for (int i = 0; i < 3; ++i) others.emplace_back(work);
  work();
  for (auto& each : others) each.join();
  EXPECT_EQ(counter, 8000);
}

template <class M>
void fails_to_try_while_another_holds_it() {
  M m;
  m.lock();
  in_another_thread([&m] { EXPECT_FALSE(m.try_lock()); });
  m.unlock();
  in_another_thread([&m] {
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

template <class M>
void is_recursive() {
  M m;
  m.lock();
  m.lock();
  EXPECT_TRUE(m.try_lock());
  for (int i = 0; i < 3; ++i) {
    in_another_thread([&m] { EXPECT_FALSE(m.try_lock()); });
    m.unlock();
  }
  in_another_thread([&m] {
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

template <class M>
void times_out() {
  M m;
  EXPECT_TRUE(m.try_lock_for(-1h));
  in_another_thread([&m] {
    EXPECT_FALSE(m.try_lock_for(soon));
    EXPECT_FALSE(m.try_lock_for(-1h));
    for_clocks(soon, [&](auto when) { EXPECT_FALSE(m.try_lock_until(when)); });
    for_clocks(-1h, [&](auto when) { EXPECT_FALSE(m.try_lock_until(when)); });
  });
  for_clocks(1h, [&m](auto when) {
    std::atomic<bool> tries{false};
    sut::thread other([&m, &tries, when] {
      tries.store(true);
      EXPECT_TRUE(m.try_lock_until(when));
      m.unlock();
    });
    conformance::await(tries);
    m.unlock();
    other.join();
    m.lock();
  });
  m.unlock();
}

CONFORMANCE_TEST(Mutex, Excludes) {
  excludes<sut::mutex>();
  excludes<sut::timed_mutex>();
  excludes<sut::recursive_mutex>();
  excludes<sut::recursive_timed_mutex>();
}

CONFORMANCE_TEST(Mutex, FailsToTryWhileAnotherHoldsIt) {
  fails_to_try_while_another_holds_it<sut::mutex>();
  fails_to_try_while_another_holds_it<sut::timed_mutex>();
  fails_to_try_while_another_holds_it<sut::recursive_mutex>();
  fails_to_try_while_another_holds_it<sut::recursive_timed_mutex>();
}

CONFORMANCE_TEST(RecursiveMutex, IsTheOwnersUntilTheLastUnlock) {
  is_recursive<sut::recursive_mutex>();
  is_recursive<sut::recursive_timed_mutex>();
}

CONFORMANCE_TEST(RecursiveMutex, TimedLocksOfTheOwnerSucceedAtOnce) {
  sut::recursive_timed_mutex m;
  EXPECT_TRUE(m.try_lock_for(0s));
  for_clocks(-1h, [&m](auto when) { EXPECT_TRUE(m.try_lock_until(when)); });
  for (int i = 0; i < 5; ++i) m.unlock();
  in_another_thread([&m] {
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

CONFORMANCE_TEST(TimedMutex, TimesOutByEveryClock) {
  times_out<sut::timed_mutex>();
  times_out<sut::recursive_timed_mutex>();
}

CONFORMANCE_TEST(Mutex, MayBeMadeAtCompileTime) {
  sut::scoped_lock const guard(made_at_compile_time);
  in_another_thread([] { EXPECT_FALSE(made_at_compile_time.try_lock()); });
}

}  // namespace
