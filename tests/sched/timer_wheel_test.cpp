#include "timer_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <random>
#include <vector>

#include "support/workers.hpp"

namespace ramie::detail {
namespace {

// A fiber that is on its way to park and never does: whoever ends its wait has nobody to schedule.
struct waiting_fiber {
  fiber_record record;

  std::uint64_t episode() const { return record.word.episode(); }
  void end() {
    ASSERT_TRUE(record.word.claim(episode()));
    record.outcome = wake::unparked;
    record.word.release(episode());
  }
};

class TimerWheel : public ::testing::TestWithParam<bool> {
 protected:
  void wait(waiting_fiber& fiber, tick_time due) { wheel.add(fiber.record, fiber.episode(), due); }
  void end(waiting_fiber& fiber) {
    fiber.end();
    wheel.note_ended();
  }

  timer_wheel wheel{GetParam(), 0};
};

INSTANTIATE_TEST_SUITE_P(All, TimerWheel, ::testing::Bool(),
                         [](auto const& which) { return which.param ? "Shared" : "OneThread"; });

TEST_P(TimerWheel, KnowsTheEarliest) {
  wheel.reserve(3);
  EXPECT_EQ(wheel.next_due(), never);
  waiting_fiber late, early, middle;
  wait(late, 30);
  EXPECT_EQ(wheel.next_due(), 30);
  wait(early, 10);
  wait(middle, 20);
  EXPECT_EQ(wheel.next_due(), 10);
  EXPECT_EQ(wheel.fire(10), 1u);
  EXPECT_EQ(wheel.next_due(), 20);
  EXPECT_EQ(wheel.fire(30), 2u);
  EXPECT_EQ(wheel.next_due(), never);
}

// A wait that has ended stays ended, and the next one of the same fiber is not touched.
TEST_P(TimerWheel, LeavesEndedWaitsAlone) {
  wheel.reserve(1);
  waiting_fiber fiber;
  wait(fiber, 10);
  end(fiber);
  EXPECT_EQ(wheel.fire(10), 0u);
  EXPECT_EQ(fiber.record.outcome, wake::unparked);
  wait(fiber, 20);
  end(fiber);
  wait(fiber, 40);
  EXPECT_EQ(wheel.fire(30), 0u);
  EXPECT_EQ(wheel.fire(40), 1u);
  EXPECT_EQ(fiber.record.outcome, wake::timed_out);
  EXPECT_EQ(fiber.episode(), 3u);
}

// An idle worker that has woken up for a wait that has ended does not do so for the next one of the
// same slot.
TEST_P(TimerWheel, ForgetsTogetherWhatHasEnded) {
  constexpr tick_time slot = 31 * 64;  // the first time of one that is 64 wide
  wheel.reserve(50);
  std::deque<waiting_fiber> fibers(50);
  for (std::size_t i = 0; i < fibers.size(); ++i) wait(fibers[i], slot + static_cast<tick_time>(i));
  for (std::size_t i = 0; i + 1 < fibers.size(); ++i) end(fibers[i]);
  EXPECT_EQ(wheel.next_due(), slot);
  EXPECT_EQ(wheel.fire(slot), 0u);
  EXPECT_EQ(wheel.next_due(), slot + 49);
  EXPECT_EQ(wheel.fire(slot + 49), 1u);
}

// A clock of the user's may begin anywhere.
TEST(TimerWheelBeforeTheEpoch, KeepsTheOrder) {
  tick_time const begin = std::numeric_limits<tick_time>::min() + 1;
  timer_wheel wheel(true, begin);
  wheel.reserve(3);
  waiting_fiber early, middle, late;
  wheel.add(late.record, late.episode(), 1);
  wheel.add(middle.record, middle.episode(), -1);
  wheel.add(early.record, early.episode(), begin + 1);
  for (tick_time const due : {begin + 1, tick_time{-1}, tick_time{1}}) {
    EXPECT_EQ(wheel.next_due(), due);
    EXPECT_EQ(wheel.fire(due), 1u);
  }
}

// Deadlines from the past to the end of time; each batch, slot and level is met.
TEST_P(TimerWheel, AgreesWithAModel) {
  unsigned const seed = test::test_seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  constexpr std::size_t count = 500;
  wheel.reserve(count);
  std::deque<waiting_fiber> fibers(count);
  std::vector<tick_time> due(count, never);  // never: it does not wait
  tick_time now = 0;
  for (int step = 0; step < 30'000; ++step) {
    std::size_t const which = random() % count;
    if (due[which] == never) {
      // As many of each order of magnitude.
      due[which] = now - 5 + static_cast<tick_time>(random() % (2ULL << random() % 62));
      due[which] = std::clamp(due[which], tick_time{0}, never - 1);
      wait(fibers[which], due[which]);
    } else if (random() % 2 == 0) {
      end(fibers[which]);
      due[which] = never;
    }
    tick_time const earliest = *std::min_element(due.begin(), due.end());
    ASSERT_LE(wheel.next_due(), earliest);
    if (random() % 16 != 0) continue;
    now =
        std::max(now, random() % 2 != 0 ? std::min(earliest, now + (tick_time{1} << 61)) : now + 3);
    auto const expected = static_cast<unsigned>(std::count_if(
        due.begin(), due.end(), [&](tick_time each) { return each <= now && each != never; }));
    ASSERT_EQ(wheel.fire(now), expected);
    ASSERT_GT(wheel.next_due(), now);
    for (std::size_t i = 0; i < count; ++i) {
      if (due[i] > now) continue;
      ASSERT_EQ(fibers[i].record.outcome, wake::timed_out);
      due[i] = never;
    }
    if (now > never / 2) break;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (due[i] != never) end(fibers[i]);
  }
  EXPECT_EQ(wheel.fire(never - 1), 0u);
  EXPECT_EQ(wheel.next_due(), never);
}

// More than a batch, in one slot and in many.
TEST_P(TimerWheel, FiresWhatIsDue) {
  constexpr tick_time count = 10'000;
  for (tick_time const apart : {0, 1, 1'000, 1'000'000}) {
    wheel.reserve(count);
    std::deque<waiting_fiber> fibers(count);
    tick_time const begin = wheel.next_due() == never ? 1'000'000'000'000 : 0;
    for (tick_time i = 0; i < count; ++i) {
      wait(fibers[static_cast<std::size_t>(i)], begin + i * apart);
    }
    EXPECT_EQ(wheel.fire(begin - 1), 0u);
    EXPECT_EQ(wheel.fire(begin + (count / 2 - 1) * apart), apart == 0 ? count : count / 2);
    EXPECT_EQ(wheel.next_due(), apart == 0 ? never : begin + count / 2 * apart);
    EXPECT_EQ(wheel.fire(begin + count * apart), apart == 0 ? 0 : count / 2);
    EXPECT_EQ(wheel.next_due(), never);
  }
}

// What was reserved for a few fibers lasts for any number of waits that end early, spread over
// slots, and with others that stay.
TEST_P(TimerWheel, TakesEndedTimersOut) {
  constexpr std::size_t count = 100;
  wheel.reserve(2 * count);
  std::deque<waiting_fiber> staying(count), fibers(count);
  for (std::size_t i = 0; i < count; ++i) {
    wait(staying[i], 1 + (1LL << 40) * static_cast<tick_time>(i));
  }
  std::mt19937_64 random(1);
  for (auto& each : fibers) wait(each, 1000);
  for (int i = 0; i < 1'000'000; ++i) {
    waiting_fiber& fiber = fibers[random() % count];
    end(fiber);
    wait(fiber, static_cast<tick_time>(1 + random() % (1ULL << (random() % 62))));
  }
  for (auto& each : fibers) end(each);
  EXPECT_EQ(wheel.fire(never - 1), count);
  EXPECT_EQ(wheel.next_due(), never);
}

// All at once, without a word to the wheel's sweep: it runs out of room and looks for itself.
TEST_P(TimerWheel, FindsRoomWhenItRunsOut) {
  constexpr std::size_t count = 50'000;
  wheel.reserve(count);
  std::deque<waiting_fiber> fibers(count);
  for (int round = 0; round < 6; ++round) {
    for (std::size_t i = 0; i < count; ++i) {
      wait(fibers[i], 1'000'000'000LL * (round + 1) + static_cast<tick_time>(i));
    }
    if (round == 5) break;
    for (auto& each : fibers) each.end();
  }
  EXPECT_EQ(wheel.fire(never - 1), count);
}

}  // namespace
}  // namespace ramie::detail
