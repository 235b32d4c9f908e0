#include <concepts>
#include <vector>

#include "sut.hpp"

namespace {

using conformance::for_clocks;
using conformance::in_another_thread;
using conformance::soon;
using namespace std::chrono_literals;

template <class M>
concept shared_lockable = conformance::stays_where_it_is<M> && std::is_default_constructible_v<M> &&
    requires(M m) {
  { m.lock() } -> std::same_as<void>;
  { m.try_lock() } -> std::same_as<bool>;
  { m.unlock() } -> std::same_as<void>;
  { m.lock_shared() } -> std::same_as<void>;
  { m.try_lock_shared() } -> std::same_as<bool>;
  { m.unlock_shared() } -> std::same_as<void>;
};

template <class M>
concept shared_timed_lockable = shared_lockable<M> && requires(M m) {
  { m.try_lock_for(1ns) } -> std::same_as<bool>;
  { m.try_lock_until(conformance::skewed_clock::now()) } -> std::same_as<bool>;
  { m.try_lock_shared_for(1ns) } -> std::same_as<bool>;
  { m.try_lock_shared_until(conformance::skewed_clock::now()) } -> std::same_as<bool>;
};

static_assert(shared_lockable<sut::shared_mutex> && !shared_timed_lockable<sut::shared_mutex>);
static_assert(shared_timed_lockable<sut::shared_timed_mutex>);

template <class M>
void is_shared_by_readers_only() {
  M m;
  m.lock_shared();
  in_another_thread([&m] {
    EXPECT_TRUE(m.try_lock_shared());
    m.unlock_shared();
    EXPECT_FALSE(m.try_lock());
  });
  m.unlock_shared();
  m.lock();
  in_another_thread([&m] {
    EXPECT_FALSE(m.try_lock_shared());
    EXPECT_FALSE(m.try_lock());
  });
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

template <class M>
void excludes_writers() {
  M m;
  int a = 0;
  int b = 0;
  auto const work = [&] {
    for (int i = 0; i < 1000; ++i) {
      if (i % 4 == 0) {
        sut::lock_guard const guard(m);
        ++a;
        if (i % 64 == 0) sut::this_thread::yield();
        ++b;
      } else {
        sut::shared_lock const guard(m);
        EXPECT_EQ(a, b);
      }
    }
  };
  std::vector<sut::thread> others;
  for (int i = 0; i < 3; ++i) others.emplace_back(work);
  work();
  for (auto& each : others) each.join();
  EXPECT_EQ(a, 1000);
}

CONFORMANCE_TEST(SharedMutex, IsSharedByReadersOnly) {
  is_shared_by_readers_only<sut::shared_mutex>();
  is_shared_by_readers_only<sut::shared_timed_mutex>();
}

CONFORMANCE_TEST(SharedMutex, ExcludesWriters) {
  excludes_writers<sut::shared_mutex>();
  excludes_writers<sut::shared_timed_mutex>();
}

CONFORMANCE_TEST(SharedTimedMutex, TimesOutByEveryClock) {
  sut::shared_timed_mutex m;
  EXPECT_TRUE(m.try_lock_shared_for(-1h));
  in_another_thread([&m] {
    EXPECT_TRUE(m.try_lock_shared_for(0s));
    m.unlock_shared();
    EXPECT_FALSE(m.try_lock_for(soon));
    for_clocks(soon, [&](auto when) { EXPECT_FALSE(m.try_lock_until(when)); });
    for_clocks(-1h, [&](auto when) { EXPECT_FALSE(m.try_lock_until(when)); });
  });
  m.unlock_shared();
  EXPECT_TRUE(m.try_lock_for(1h));
  in_another_thread([&m] {
    EXPECT_FALSE(m.try_lock_shared_for(soon));
    for_clocks(soon, [&](auto when) { EXPECT_FALSE(m.try_lock_shared_until(when)); });
  });
  m.unlock();
}

CONFORMANCE_TEST(SharedTimedMutex, TimedWaitsEndWithTheUnlock) {
  sut::shared_timed_mutex m;
  for_clocks(1h, [&m](auto when) {
    m.lock();
    sut::thread reader([&m, when] {
      EXPECT_TRUE(m.try_lock_shared_until(when));
      m.unlock_shared();
    });
    sut::thread writer([&m, when] {
      EXPECT_TRUE(m.try_lock_until(when));
      m.unlock();
    });
    m.unlock();
    reader.join();
    writer.join();
  });
}

}  // namespace
