#include <atomic>
#include <concepts>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <vector>

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
static_assert(std::is_constructible_v<counting_semaphore<>, std::ptrdiff_t>);
static_assert(counting_semaphore<7>::max() >= 7 && binary_semaphore::max() >= 1);
static_assert(requires(counting_semaphore<9> semaphore) {
  { counting_semaphore<9>::max() } -> std::same_as<std::ptrdiff_t>;
  requires noexcept(counting_semaphore<9>::max());
  { semaphore.release() } -> std::same_as<void>;
  { semaphore.release(2) } -> std::same_as<void>;
  { semaphore.acquire() } -> std::same_as<void>;
  { semaphore.try_acquire() } -> std::same_as<bool>;
  requires noexcept(semaphore.try_acquire());
  { semaphore.try_acquire_for(1ns) } -> std::same_as<bool>;
  { semaphore.try_acquire_until(conformance::skewed_clock::now()) } -> std::same_as<bool>;
});

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

CONFORMANCE_TEST(Semaphore, GivesNoMoreThanItHas) {
  constexpr int most = 3;
  counting_semaphore<most> semaphore(most);
  std::atomic<int> inside{0};
  std::vector<sut::thread> members;
  for (int i = 0; i < 6; ++i) {
    members.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        semaphore.acquire();
        EXPECT_LE(++inside, most);
        if (n % 16 == 0) sut::this_thread::yield();
        --inside;
        semaphore.release();
      }
    });
  }
  for (auto& each : members) each.join();
  for (int i = 0; i < most; ++i) EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release(0);
  EXPECT_FALSE(semaphore.try_acquire());
}

CONFORMANCE_TEST(Semaphore, OneReleaseOfManyWakesAsMany) {
  counting_semaphore<4> semaphore(0);
  std::vector<sut::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&semaphore, i] {
      if (i % 2 == 0) return semaphore.acquire();
      EXPECT_TRUE(semaphore.try_acquire_for(1h));
    });
  }
  semaphore.release(4);
  for (auto& each : waiters) each.join();
  EXPECT_FALSE(semaphore.try_acquire());
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
