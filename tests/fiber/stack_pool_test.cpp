#include <ramie/fiber/stack_pool.hpp>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace ramie::detail {
namespace {

constexpr std::size_t size = 256 * 1024;

class StackPool : public testing::TestWithParam<guard_kind> {};

INSTANTIATE_TEST_SUITE_P(Guards, StackPool,
                         testing::Values(guard_kind::probe, guard_kind::mprotect),
                         [](auto const& kind) {
                           return kind.param == guard_kind::probe ? "Probed" : "Mprotect";
                         });

stack_top take_one(stack_pool& pool) {
  stack_top top = nullptr;
  EXPECT_EQ(pool.take(std::span(&top, 1)), 1U);
  return top;
}

void give_one(stack_pool& pool, stack_top top) {
  pool.give(std::span<stack_top const>(&top, 1));
}

void run_period(stack_pool& pool) {
  while (pool.trim_unused()) {
  }
}

void trim_fully(stack_pool& pool) {
  while (pool.untrimmed()) run_period(pool);
}

TEST_P(StackPool, HandsOutDistinctWritableStacks) {
  stack_pool pool(size, GetParam());
  pool.reserve(100);
  std::set<stack_top> seen;
  for (int i = 0; i < 100; ++i) {
    stack_top const top = take_one(pool);
    EXPECT_TRUE(seen.insert(top).second);
    std::memset(pool.low(top), 0x5a, static_cast<std::size_t>(top - pool.low(top)));
  }
  for (stack_top top : seen) give_one(pool, top);
}

TEST_P(StackPool, FaultsBelowEveryStack) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  stack_pool pool(size, GetParam());
  pool.reserve(1);
  stack_top const top = take_one(pool);
  EXPECT_DEATH(*static_cast<std::byte volatile*>(pool.low(top) - 1) = std::byte{1}, "");
  EXPECT_DEATH(*static_cast<std::byte volatile*>(pool.low(top) - page_size) = std::byte{1}, "");
  give_one(pool, top);
}

TEST_P(StackPool, StillFaultsBelowAStackThatWasTrimmed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  stack_pool pool(size, GetParam());
  pool.reserve(1);
  stack_top top = take_one(pool);
  std::memset(pool.low(top), 1, static_cast<std::size_t>(top - pool.low(top)));
  give_one(pool, top);
  trim_fully(pool);
  top = take_one(pool);
  EXPECT_DEATH(*static_cast<std::byte volatile*>(pool.low(top) - 1) = std::byte{1}, "");
  give_one(pool, top);
}

TEST_P(StackPool, MeasuresTheHighWaterMark) {
  stack_pool pool(size, GetParam());
  pool.reserve(1);
  stack_top const top = take_one(pool);
  EXPECT_EQ(pool.high_water(top), 0U);
  *(top - 1) = std::byte{1};
  EXPECT_EQ(pool.high_water(top), page_size);
  *(top - 10 * page_size) = std::byte{1};
  EXPECT_EQ(pool.high_water(top), 10 * page_size);
  give_one(pool, top);
}

TEST_P(StackPool, GivesTheDeepPagesOfFatStacksBack) {
  stack_pool pool(size, GetParam());
  pool.reserve(2);
  stack_top const top = take_one(pool);
  std::memset(pool.low(top), 1, static_cast<std::size_t>(top - pool.low(top)));
  give_one(pool, top);
  EXPECT_TRUE(pool.untrimmed());
  trim_fully(pool);
  EXPECT_LE(pool.high_water(top), 4 * page_size);
}

TEST_P(StackPool, GivesAllPagesOfTheStacksBeyondAFewBack) {
  constexpr std::size_t count = 2000;
  stack_pool pool(size, GetParam());
  pool.reserve(count);
  std::vector<stack_top> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(take_one(pool));
    *(all.back() - 1) = std::byte{1};
  }
  pool.give(all);
  trim_fully(pool);
  std::size_t warm = 0;
  for (stack_top top : all) warm += pool.high_water(top) != 0 ? 1U : 0U;
  EXPECT_LT(warm, 400U);
  EXPECT_GT(warm, 0U);
}

TEST_P(StackPool, KeepsTheStacksWarmThatWereUsedWithinAPeriod) {
  constexpr std::size_t count = 1000;
  stack_pool pool(size, GetParam());
  pool.reserve(count);
  std::vector<stack_top> all(count);
  for (stack_top& top : all) {
    top = take_one(pool);
    *(top - 1) = std::byte{1};
  }
  pool.give(all);
  auto const warm = [&] {
    std::size_t found = 0;
    for (stack_top top : all) found += pool.high_water(top) != 0 ? 1U : 0U;
    return found;
  };
  for (int i = 0; i < 3; ++i) {
    run_period(pool);
    std::vector<stack_top> some(count);
    some.resize(pool.take(some));
    EXPECT_EQ(some.size(), count);
    pool.give(some);
  }
  EXPECT_EQ(warm(), count);
  run_period(pool);  // the burst was in this one
  EXPECT_EQ(warm(), count);
  run_period(pool);
  EXPECT_LT(warm(), 400U);
}

// The flags that the kernel shows for the mapping that holds an address.
std::string mapping_flags(void const* address) {
  std::ifstream file("/proc/self/smaps");
  auto const wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    unsigned long low = 0;
    unsigned long high = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &low, &high) == 2) {
      inside = low <= wanted && wanted < high;
    } else if (inside && line.rfind("VmFlags:", 0) == 0) {
      return line + " ";
    }
  }
  return {};
}

TEST_P(StackPool, OptsOutOfTransparentHugePages) {
  stack_pool pool(size, GetParam());
  pool.reserve(1);
  stack_top const top = take_one(pool);
  EXPECT_NE(mapping_flags(top - 1).find(" nh "), std::string::npos) << mapping_flags(top - 1);
  give_one(pool, top);
}

TEST(StackPoolErrors, RefusesAbsurdSizes) {
  EXPECT_THROW(round_stack_size(max_stack_size + 1), std::system_error);
  EXPECT_GE(round_stack_size(1), min_stack_size);
  EXPECT_EQ(round_stack_size(size + 1) % (2 * size), 0U);
}

TEST(StackCache, KeepsWarmStacksAndReturnsTheRest) {
  stack_pool pool(size);
  pool.reserve(1000);
  pool.add_slack(stack_cache::capacity);
  stack_cache cache(pool);
  stack_top const first = cache.take();
  cache.give(first);
  EXPECT_EQ(cache.take(), first);
  std::vector<stack_top> all{first};
  for (int i = 1; i < 1000; ++i) all.push_back(cache.take());
  EXPECT_EQ(std::set<stack_top>(all.begin(), all.end()).size(), all.size());
  for (stack_top top : all) cache.give(top);
  cache.clear();
}

}  // namespace
}  // namespace ramie::detail
