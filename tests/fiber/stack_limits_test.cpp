// Stacks and the kernel: at the limits of the process, and what a fresh one costs.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <cstddef>
#include <span>
#include <system_error>

#include <ramie/fiber/context.hpp>
#include <ramie/fiber/stack_pool.hpp>

namespace ramie::detail {
namespace {

void take_and_give_one(stack_pool& pool) {
  stack_top top = nullptr;
  EXPECT_EQ(pool.take(std::span(&top, 1)), 1U);
  pool.give(std::span<stack_top const>(&top, 1));
}

TEST(StackLimits, ReportsExhaustedMappings) {
  // 2^47 bytes is all the address space there is.
  stack_pool pool(max_stack_size, guard_kind::probe);
  EXPECT_THROW(pool.reserve(std::size_t{1} << 18), std::system_error);
  pool.reserve(1);  // and it goes on working
  take_and_give_one(pool);
}

TEST(StackLimits, ReportsTheMappingLimitWhereGuardsSplitMappings) {
  // The default vm.max_map_count is 65,530, and a guard by mprotect costs two.
  stack_pool pool(min_stack_size, guard_kind::mprotect);
  EXPECT_THROW(pool.reserve(2'000'000), std::system_error);
  pool.reserve(1);
  take_and_give_one(pool);
}

long page_faults_of_this_thread() {
  rusage used = {};
  EXPECT_EQ(::getrusage(RUSAGE_THREAD, &used), 0);
  return used.ru_minflt;
}

departure never_entered() noexcept {
  return {};
}

// A first touch that reads would be another fault.
TEST(StackLimits, AFreshStackCostsOnePageFault) {
  constexpr std::size_t count = 256;
  stack_pool pool(min_stack_size);
  pool.reserve(count);
  std::array<stack_top, count> stacks{};
  for (stack_top& each : stacks) ASSERT_EQ(pool.take(std::span(&each, 1)), 1U);
  context fresh;
  long const before = page_faults_of_this_thread();
  for (stack_top const top : stacks) {
    std::byte* const low = pool.low(top);
    fresh.prepare(low, static_cast<std::size_t>(top - low), &never_entered);
  }
  long const faults = page_faults_of_this_thread() - before;
  EXPECT_GE(faults, static_cast<long>(count));
  EXPECT_LE(faults, static_cast<long>(count + count / 4));
  pool.give(stacks);
}

}  // namespace
}  // namespace ramie::detail
