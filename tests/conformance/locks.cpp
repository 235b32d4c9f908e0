// lock_guard, scoped_lock, lock, try_lock and the tags.
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::in_another_thread;
using conformance::is_free;
using guard_type = sut::lock_guard<sut::mutex>;
using many = sut::scoped_lock<sut::mutex, sut::recursive_mutex>;

static_assert(std::is_same_v<sut::defer_lock_t, std::defer_lock_t>);
static_assert(std::is_same_v<sut::try_to_lock_t, std::try_to_lock_t>);
static_assert(std::is_same_v<sut::adopt_lock_t, std::adopt_lock_t>);
static_assert(std::is_same_v<decltype(sut::adopt_lock), std::adopt_lock_t const>);
static_assert(std::is_same_v<decltype(sut::defer_lock), std::defer_lock_t const>);
static_assert(std::is_same_v<decltype(sut::try_to_lock), std::try_to_lock_t const>);

static_assert(std::is_same_v<guard_type::mutex_type, sut::mutex>);
static_assert(conformance::stays_where_it_is<guard_type>);
static_assert(!std::is_convertible_v<sut::mutex&, guard_type>);
static_assert(std::is_constructible_v<guard_type, sut::mutex&, sut::adopt_lock_t>);

static_assert(std::is_same_v<sut::scoped_lock<sut::mutex>::mutex_type, sut::mutex>);
static_assert(conformance::stays_where_it_is<sut::scoped_lock<>>);
static_assert(conformance::stays_where_it_is<many>);
static_assert(std::is_default_constructible_v<sut::scoped_lock<>>);
static_assert(!std::is_convertible_v<sut::mutex&, sut::scoped_lock<sut::mutex>>);
static_assert(std::is_constructible_v<many, sut::adopt_lock_t, sut::mutex&, sut::recursive_mutex&>);

CONFORMANCE_TEST(LockGuard, HoldsWhileItLives) {
  sut::mutex m;
  {
    sut::lock_guard const guard(m);
    EXPECT_FALSE(is_free(m));
  }
  EXPECT_TRUE(is_free(m));
  m.lock();
  {
    sut::lock_guard const guard(m, sut::adopt_lock);
    EXPECT_FALSE(is_free(m));
  }
  EXPECT_TRUE(is_free(m));
}

CONFORMANCE_TEST(ScopedLock, HoldsNoneOneOrMany) {
  [[maybe_unused]] sut::scoped_lock const none;
  sut::mutex a;
  sut::recursive_mutex b;
  sut::shared_timed_mutex c;
  {
    sut::scoped_lock const guard(a);
    EXPECT_FALSE(is_free(a));
  }
  {
    sut::scoped_lock const guard(a, b, c);
    EXPECT_FALSE(is_free(a) || is_free(b) || is_free(c));
  }
  EXPECT_TRUE(is_free(a) && is_free(b) && is_free(c));
  sut::lock(a, b);
  {
    sut::scoped_lock const guard(sut::adopt_lock, a, b);
    EXPECT_FALSE(is_free(a) || is_free(b));
  }
  EXPECT_TRUE(is_free(a) && is_free(b));
}

CONFORMANCE_TEST(Lock, TakesAllWithoutDeadlock) {
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
}

CONFORMANCE_TEST(TryLock, TellsWhichOneFailedAndKeepsNone) {
  sut::mutex a;
  sut::timed_mutex b;
  sut::recursive_timed_mutex c;
  static_assert(std::is_same_v<decltype(sut::try_lock(a, b)), int>);
  EXPECT_EQ(sut::try_lock(a, b, c), -1);
  a.unlock(), c.unlock();
  in_another_thread([&] { EXPECT_EQ(sut::try_lock(a, c, b), 2); });
  in_another_thread([&] { EXPECT_EQ(sut::try_lock(b, c, a), 0); });
  EXPECT_TRUE(is_free(a) && is_free(c));
  b.unlock();
}

CONFORMANCE_TEST(Lock, TakesUniqueLocksToo) {
  sut::mutex a;
  sut::mutex b;
  sut::unique_lock first(a, sut::defer_lock);
  sut::unique_lock second(b, sut::defer_lock);
  sut::lock(first, second);
  EXPECT_TRUE(first.owns_lock() && second.owns_lock());
}

}  // namespace
