#include <array>
#include <concepts>
#include <cstddef>

#include "sut.hpp"

namespace {

static_assert(conformance::stays_where_it_is<sut::latch>);
static_assert(std::is_constructible_v<sut::latch, std::ptrdiff_t>);
static_assert(!std::is_convertible_v<std::ptrdiff_t, sut::latch>);
static_assert(!std::is_default_constructible_v<sut::latch>);
static_assert(sut::latch::max() > 1000);
static_assert(requires(sut::latch latch, sut::latch const fixed) {
  { sut::latch::max() } -> std::same_as<std::ptrdiff_t>;
  requires noexcept(sut::latch::max());
  { latch.count_down() } -> std::same_as<void>;
  { latch.count_down(2) } -> std::same_as<void>;
  { fixed.try_wait() } -> std::same_as<bool>;
  requires noexcept(fixed.try_wait());
  { fixed.wait() } -> std::same_as<void>;
  { latch.arrive_and_wait() } -> std::same_as<void>;
  { latch.arrive_and_wait(2) } -> std::same_as<void>;
});

constinit sut::latch made_at_compile_time(0);

CONFORMANCE_TEST(Latch, IsOpenAtZero) {
  EXPECT_TRUE(made_at_compile_time.try_wait());
  made_at_compile_time.wait();
  made_at_compile_time.wait();
}

CONFORMANCE_TEST(Latch, OpensWhenAllHaveArrived) {
  sut::latch latch(3);
  int value = 0;
  sut::thread waiter([&] {
    latch.wait();
    EXPECT_EQ(value, 5);
  });
  latch.count_down();
  latch.count_down(0);
  EXPECT_FALSE(latch.try_wait());
  value = 5;
  latch.count_down(2);
  EXPECT_TRUE(latch.try_wait());
  waiter.join();
}

CONFORMANCE_TEST(Latch, ArriveAndWaitCountsAndWaits) {
  sut::latch latch(4);
  std::array<int, 2> written{};
  auto const arrive = [&](std::size_t who) {
    written[who] = 1;
    latch.arrive_and_wait(2);
    EXPECT_EQ(written[1 - who], 1);
  };
  sut::thread other(arrive, std::size_t{1});
  arrive(0);
  other.join();
}

}  // namespace
