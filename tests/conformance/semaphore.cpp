#include <cstddef>
#include <limits>

#include "sut.hpp"

namespace {

using conformance::for_plain_clocks;  // libstdc++ 12 rejects others here
using conformance::soon;
using namespace std::chrono_literals;
using sut::binary_semaphore;
using sut::counting_semaphore;

static_assert(conformance::stays_where_it_is<counting_semaphore<>>);
static_assert(std::is_same_v<binary_semaphore, counting_semaphore<1>>);
static_assert(!std::is_convertible_v<std::ptrdiff_t, counting_semaphore<>>);
static_assert(!std::is_default_constructible_v<counting_semaphore<>>);
static_assert(noexcept(counting_semaphore<>::max()));
static_assert(counting_semaphore<7>::max() >= 7 && binary_semaphore::max() >= 1);
static_assert(noexcept(std::declval<counting_semaphore<>&>().try_acquire()));
static_assert(std::is_same_v<decltype(std::declval<counting_semaphore<>&>().release(1)), void>);
static_assert(std::is_same_v<decltype(std::declval<counting_semaphore<>&>().acquire()), void>);

#ifndef RAMIE_CONFORMANCE_OF_STD  // libstdc++ 12 has neither
static_assert(counting_semaphore<std::numeric_limits<std::ptrdiff_t>::max()>::max() ==
              std::numeric_limits<std::ptrdiff_t>::max());
constinit counting_semaphore<8> made_at_compile_time(1);
#else
counting_semaphore<8> made_at_compile_time(1);
#endif

CONFORMANCE_TEST(Semaphore, CountsUnits) {
  made_at_compile_time.acquire();
  EXPECT_FALSE(made_at_compile_time.try_acquire());
  made_at_compile_time.release(3);
  for (int i = 0; i < 3; ++i) made_at_compile_time.acquire();
  EXPECT_FALSE(made_at_compile_time.try_acquire());
  made_at_compile_time.release();
}

CONFORMANCE_TEST(Semaphore, TimedAcquiresTellWhetherTheyDid) {
  binary_semaphore semaphore(0);
  EXPECT_FALSE(semaphore.try_acquire_for(soon));
  EXPECT_FALSE(semaphore.try_acquire_for(-1h));
  for_plain_clocks(soon, [&](auto when) { EXPECT_FALSE(semaphore.try_acquire_until(when)); });
  for_plain_clocks(-1h, [&](auto when) { EXPECT_FALSE(semaphore.try_acquire_until(when)); });
  for_plain_clocks(1h, [&](auto when) {
    sut::thread releaser([&] { semaphore.release(); });
    EXPECT_TRUE(semaphore.try_acquire_until(when));
    releaser.join();
  });
  semaphore.release();
  EXPECT_TRUE(semaphore.try_acquire_for(0s));
}

CONFORMANCE_TEST(Semaphore, AReleaseIsVisibleToWhoAcquires) {
  binary_semaphore to(0);
  binary_semaphore back(0);
  int value = 0;
  sut::thread other([&] {
    for (int i = 0; i < 500; ++i) {
      to.acquire();
      EXPECT_EQ(value, 2 * i + 1);
      ++value;
      back.release();
    }
  });
  for (int i = 0; i < 500; ++i) {
    ++value;
    to.release();
    back.acquire();
    EXPECT_EQ(value, 2 * i + 2);
  }
  other.join();
}

}  // namespace
