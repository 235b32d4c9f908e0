#include <ramie/sched/detail/time.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

namespace ramie::detail {
namespace {

using namespace std::chrono_literals;

steady_time const start{1h};

TEST(AddSaturated, AddsOrdinaryDurations) {
  EXPECT_EQ(add_saturated(start, 5ms), start + 5ms);
  EXPECT_EQ(add_saturated(start, 1ns), start + 1ns);
  EXPECT_EQ(add_saturated(start, std::chrono::duration<double>(0.5)), start + 500ms);
}

TEST(AddSaturated, RoundsUp) {
  using tenths = std::chrono::duration<std::int64_t, std::ratio<1, 10'000'000'000>>;
  EXPECT_EQ(add_saturated(start, tenths(11)), start + 2ns);
}

TEST(AddSaturated, TakesNegativeDurationsAndNanAsNow) {
  EXPECT_EQ(add_saturated(start, -5ms), start);
  EXPECT_EQ(add_saturated(start, std::chrono::nanoseconds::min()), start);
  EXPECT_EQ(add_saturated(start, std::chrono::hours::min()), start);
  EXPECT_EQ(
      add_saturated(start, std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())),
      start);
}

TEST(AddSaturated, TakesOverflowAsNever) {
  EXPECT_EQ(add_saturated(start, std::chrono::nanoseconds::max()), steady_time::max());
  EXPECT_EQ(add_saturated(start, std::chrono::hours::max()), steady_time::max());
  EXPECT_EQ(add_saturated(start, std::chrono::duration<double>(1e300)), steady_time::max());
  EXPECT_EQ(
      add_saturated(start, std::chrono::duration<double>(std::numeric_limits<double>::infinity())),
      steady_time::max());
}

TEST(DeadlineAt, TakesTimePointsOfAnyClock) {
  auto const now = std::chrono::steady_clock::now();
  EXPECT_EQ(deadline_at(now + 1h), now + 1h);
  EXPECT_EQ(deadline_at(steady_time::max()), steady_time::max());
  EXPECT_LE(deadline_at(steady_time::min()), now);
  auto const later = deadline_at(std::chrono::system_clock::now() + 1h);
  EXPECT_GE(later, now + 59min);
  EXPECT_LE(later, now + 61min);
  EXPECT_GT(deadline_at(std::chrono::system_clock::time_point::max()), now + 24h * 365 * 100);
  auto const past = deadline_at(std::chrono::system_clock::time_point::min());
  EXPECT_LE(past, std::chrono::steady_clock::now());
}

}  // namespace
}  // namespace ramie::detail
