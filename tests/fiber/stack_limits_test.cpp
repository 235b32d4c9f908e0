// The pool of stacks at the limits of the process.
#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <system_error>

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

}  // namespace
}  // namespace ramie::detail
