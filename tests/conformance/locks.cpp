#include <utility>

#include "sut.hpp"

namespace {

using conformance::code_of;
using namespace std::chrono_literals;

static_assert(std::is_same_v<sut::unique_lock<sut::mutex>, std::unique_lock<sut::mutex>>);
static_assert(
    std::is_same_v<sut::shared_lock<sut::shared_mutex>, std::shared_lock<sut::shared_mutex>>);
static_assert(std::is_same_v<decltype(sut::adopt_lock), std::adopt_lock_t const>);
static_assert(std::is_same_v<decltype(sut::defer_lock), std::defer_lock_t const>);
static_assert(std::is_same_v<decltype(sut::try_to_lock), std::try_to_lock_t const>);
static_assert(std::is_same_v<sut::cv_status, std::cv_status>);
static_assert(std::is_same_v<sut::stop_token, std::stop_token>);
static_assert(std::is_same_v<sut::stop_source, std::stop_source>);

CONFORMANCE_TEST(Locks, UniqueLockReportsItsMisuse) {
  sut::mutex m;
  sut::unique_lock lock(m, sut::defer_lock);
  EXPECT_EQ(code_of([&] { lock.unlock(); }), std::errc::operation_not_permitted);
  lock.lock();
  EXPECT_EQ(code_of([&] { lock.lock(); }), std::errc::resource_deadlock_would_occur);
  sut::unique_lock<sut::mutex> empty;
  EXPECT_EQ(code_of([&] { empty.lock(); }), std::errc::operation_not_permitted);
  sut::unique_lock moved(std::move(lock));
  EXPECT_TRUE(moved.owns_lock());
  EXPECT_FALSE(sut::unique_lock(m, sut::try_to_lock).owns_lock());
}

CONFORMANCE_TEST(Locks, TimedFormsReachTheMutex) {
  sut::timed_mutex m;
  sut::unique_lock const held(m, 1h);
  EXPECT_TRUE(held.owns_lock());
  sut::thread([&m] { EXPECT_FALSE(sut::unique_lock(m, conformance::soon).owns_lock()); }).join();
  sut::shared_timed_mutex shared;
  sut::shared_lock const reader(shared, 1h);
  EXPECT_TRUE(sut::shared_lock(shared, 1h).owns_lock());
  sut::thread([&shared] {
    EXPECT_FALSE(sut::unique_lock(shared, conformance::soon).owns_lock());
  }).join();
}

CONFORMANCE_TEST(Locks, SeveralMutexesOfAnyKindAtOnce) {
  sut::mutex a;
  sut::timed_mutex b;
  sut::recursive_mutex c;
  sut::shared_mutex d;
  int counter = 0;
  auto const work = [&](bool forth) {
    for (int i = 0; i < 1000; ++i) {
      if (forth) {
        sut::scoped_lock const guard(a, b, c, d);
        ++counter;
      } else {
        sut::lock(d, c, b, a);
        ++counter;
        a.unlock(), b.unlock(), c.unlock(), d.unlock();
      }
    }
  };
  sut::thread other(work, false);
  work(true);
  other.join();
  EXPECT_EQ(counter, 2000);
  b.lock();
  sut::thread([&] { EXPECT_EQ(sut::try_lock(a, b, c), 1); }).join();
  EXPECT_TRUE(a.try_lock());
  a.unlock();
  b.unlock();
}

}  // namespace
