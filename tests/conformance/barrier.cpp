#include <array>
#include <concepts>
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
static_assert(std::is_constructible_v<plain, std::ptrdiff_t>);
static_assert(plain::max() > 1000);
static_assert(requires(plain barrier, plain const fixed) {
  { plain::max() } -> std::same_as<std::ptrdiff_t>;
  requires noexcept(plain::max());
  { barrier.arrive() } -> std::same_as<plain::arrival_token>;
  { barrier.arrive(2) } -> std::same_as<plain::arrival_token>;
  { fixed.wait(barrier.arrive()) } -> std::same_as<void>;
  { barrier.arrive_and_wait() } -> std::same_as<void>;
  { barrier.arrive_and_drop() } -> std::same_as<void>;
});
static_assert(std::is_move_constructible_v<plain::arrival_token>);
static_assert(std::is_move_assignable_v<plain::arrival_token>);
static_assert(std::is_destructible_v<plain::arrival_token>);

#ifndef RAMIE_CONFORMANCE_OF_STD  // libstdc++ 12's allocates
constinit plain made_at_compile_time(1);
#else
plain made_at_compile_time(1);
#endif

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

CONFORMANCE_TEST(Barrier, MayBeMadeAtCompileTime) {
  made_at_compile_time.arrive_and_wait();
  made_at_compile_time.arrive_and_wait();
}

CONFORMANCE_TEST(Barrier, TheCompletionIsPartOfThePhase) {
  constexpr int members = 3;
  std::array<int, members> given{};
  int sum = 0;
  auto const add = [&]() noexcept {
    for (int const each : given) sum += each;
  };
  sut::barrier barrier(members, add);
  auto const member = [&](std::size_t who) {
    for (int phase = 1; phase <= 100; ++phase) {
      given[who] = 2 * phase - 1;
      barrier.arrive_and_wait();
      EXPECT_EQ(sum, members * phase * phase);  // the odd numbers up to here
      given[who] = 0;
      if (phase % 2 == 0) {
        barrier.arrive_and_wait();
      } else {
        barrier.wait(barrier.arrive());
      }
    }
  };
  std::vector<sut::thread> others;
  for (std::size_t i = 1; i < members; ++i) others.emplace_back(member, i);
  member(0);
  for (auto& each : others) each.join();
}

}  // namespace
