#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "sut.hpp"

namespace {

using plain = sut::barrier<>;

static_assert(conformance::stays_where_it_is<plain>);
static_assert(!std::is_convertible_v<std::ptrdiff_t, plain>);
static_assert(!std::is_default_constructible_v<plain>);
static_assert(noexcept(plain::max()) && plain::max() > 1000);
static_assert(std::is_same_v<decltype(std::declval<plain&>().arrive()), plain::arrival_token>);
static_assert(
    std::is_same_v<
        decltype(std::declval<plain const&>().wait(std::declval<plain::arrival_token>())), void>);
static_assert(std::is_move_constructible_v<plain::arrival_token>);
static_assert(std::is_move_assignable_v<plain::arrival_token>);

/// A completion that can be moved only, as the standard allows.
struct counting {
  explicit counting(int& where) : count(&where), owned(std::make_unique<int>(1)) {}
  void operator()() noexcept { *count += *owned; }
  int* count;
  std::unique_ptr<int> owned;
};

CONFORMANCE_TEST(Barrier, CompletesOncePerPhase) {
  constexpr int phases = 50;
  int completed = 0;
  sut::barrier barrier(3, counting(completed));
  auto const member = [&] {
    for (int i = 0; i < phases; ++i) {
      barrier.arrive_and_wait();
      EXPECT_GE(completed, i + 1);
      barrier.arrive_and_wait();
    }
  };
  std::vector<sut::thread> others;
  for (int i = 0; i < 2; ++i) others.emplace_back(member);
  member();
  for (auto& each : others) each.join();
  EXPECT_EQ(completed, 2 * phases);
}

CONFORMANCE_TEST(Barrier, TokensWaitForTheirPhase) {
  plain barrier(2);
  plain::arrival_token first = barrier.arrive();
  plain::arrival_token second = barrier.arrive();
  barrier.wait(std::move(first));
  barrier.wait(std::move(second));
  plain::arrival_token third = barrier.arrive(2);
  barrier.wait(std::move(third));
}

CONFORMANCE_TEST(Barrier, ExpectsNoMoreOfThoseThatDropOut) {
  int completed = 0;
  sut::barrier barrier(2, counting(completed));
  barrier.arrive_and_drop();
  barrier.arrive_and_wait();
  EXPECT_EQ(completed, 1);
  barrier.arrive_and_wait();
  EXPECT_EQ(completed, 2);
}

}  // namespace
