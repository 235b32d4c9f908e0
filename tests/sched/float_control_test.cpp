#include <ramie/fiber/float_control.hpp>

#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <array>
#include <cfenv>
#include <future>
#include <ostream>
#include <thread>
#include <utility>
#include <vector>

#include <ramie/sched/runtime.hpp>
#include <ramie/sched/spawn_blocking.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/workers.hpp"

namespace ramie {
namespace {

/// The floating-point modes of a line of execution.
struct float_modes {
  int rounding = FE_TONEAREST;
  bool flushes_to_zero = false;

  bool operator==(float_modes const&) const = default;
  friend std::ostream& operator<<(std::ostream& out, float_modes const& modes) {
    return out << "rounding " << modes.rounding << ", flushing " << modes.flushes_to_zero;
  }
};

constexpr float_modes usual{};
constexpr float_modes odd{FE_UPWARD, true};
constexpr std::array roundings{FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

// Not inlined: a fiber that waits between two looks may be on another thread at the second.
[[gnu::noinline]] float_modes present_modes() {
  asm volatile("" ::: "memory");
  return {std::fegetround(), _MM_GET_FLUSH_ZERO_MODE() == _MM_FLUSH_ZERO_ON};
}

/// Returns what the processor has made of it: Valgrind's rounds, but never flushes.
[[gnu::noinline]] float_modes set_modes(float_modes modes) {
  std::fesetround(modes.rounding);
  _MM_SET_FLUSH_ZERO_MODE(modes.flushes_to_zero ? _MM_FLUSH_ZERO_ON : _MM_FLUSH_ZERO_OFF);
  float_modes const set = present_modes();
  EXPECT_EQ(set.rounding, modes.rounding);
  return set;
}

class FloatControl : public testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(Workers, FloatControl, testing::ValuesIn(test::worker_counts()));

TEST_P(FloatControl, AFiberBeginsWithItsSpawnersModes) {
  run({.workers = GetParam()}, [] {
    EXPECT_EQ(present_modes(), usual);
    float_modes const set = set_modes(odd);
    EXPECT_EQ(spawn(present_modes).join(), set);
    EXPECT_EQ(spawn({.stack_size = 64 << 10}, present_modes).join(), set);
    EXPECT_EQ(spawn([] { return spawn(present_modes).join(); }).join(), set);
    EXPECT_EQ(spawn_blocking(present_modes).join(), set);
    set_modes(usual);
    EXPECT_EQ(spawn(present_modes).join(), usual);
  });
}

TEST_P(FloatControl, FromOutsideItIsTheThreadsModes) {
  runtime host({.workers = GetParam()});
  std::thread([&] {
    float_modes const set = set_modes(odd);
    EXPECT_EQ(host.spawn(present_modes).join(), set);
    std::promise<float_modes> posted;
    host.post([&] { posted.set_value(present_modes()); });
    EXPECT_EQ(posted.get_future().get(), set);
  }).join();
  EXPECT_EQ(host.spawn(present_modes).join(), usual);
}

TEST_P(FloatControl, ModesEndWithTheirFiber) {
  run({.workers = GetParam()}, [] {
    for (int i = 0; i < 100; ++i) {
      join_handle<void> changes = spawn([] { set_modes(odd); });
      join_handle<float_modes> next = spawn(present_modes);  // on the same stack with one worker
      EXPECT_EQ(next.join(), usual);
      changes.join();
      EXPECT_EQ(spawn(present_modes).join(), usual);
    }
  });
}

TEST(FloatControlOfAPool, ModesEndWithTheirJob) {
  run({.workers = 1, .max_blocking_threads = 1}, [] {
    spawn_blocking([] { set_modes(odd); }).join();
    EXPECT_EQ(spawn_blocking(present_modes).join(), usual);
  });
}

TEST_P(FloatControl, AFiberKeepsItsModesWhereverItWaits) {
  run({.workers = GetParam()}, [] {
    std::vector<join_handle<bool>> all;
    for (unsigned i = 0; i < 64; ++i) {
      all.push_back(spawn([wanted = float_modes{roundings.at(i % 4), i % 8 < 4}] {
        float_modes const own = set_modes(wanted);
        bool kept = true;
        for (int turn = 0; turn < 100; ++turn) {
          this_fiber::yield();
          kept = kept && present_modes() == own;
        }
        return kept;
      }));
    }
    for (join_handle<bool>& each : all) EXPECT_TRUE(each.join());
  });
}

}  // namespace
}  // namespace ramie
