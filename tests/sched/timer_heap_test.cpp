#include "timer_heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include <ramie/sched/runtime.hpp>

#include "support/workers.hpp"

namespace ramie::detail {
namespace {

// A timer whose waiter is bound to the test's own thread: it is claimed, never parked.
struct timer {
  explicit timer(tick_time due) : node(who, due) {}
  waiter who;
  timer_node node;
};

TEST(TimerHeap, KnowsTheEarliest) {
  timer_heap heap;
  EXPECT_EQ(heap.next_due(), never);
  timer late(30);
  timer early(10);
  timer middle(20);
  EXPECT_TRUE(heap.add(late.node));
  EXPECT_TRUE(heap.add(early.node));
  EXPECT_FALSE(heap.add(middle.node));
  EXPECT_EQ(heap.next_due(), 10);
  heap.remove(early.node);
  EXPECT_EQ(heap.next_due(), 20);
  heap.remove(early.node);  // again: nothing
  heap.remove(middle.node);
  heap.remove(late.node);
  EXPECT_EQ(heap.next_due(), never);
}

// Against a sorted list of deadlines, with additions, removals and firings drawn at random.
TEST(TimerHeap, AgreesWithAModel) {
  unsigned const seed = test::test_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  timer_heap heap;
  // Claiming one waiter ends its thread's episode; each of these gets a thread-like parker of its
  // own by living on a fiber.
  run({.workers = 1}, [&] {
    std::deque<timer> all;
    std::vector<timer*> in;
    for (int step = 0; step < 5000; ++step) {
      if (in.empty() || random() % 3 != 0) {
        in.push_back(&all.emplace_back(static_cast<tick_time>(random() % 1000)));
        heap.add(in.back()->node);
      } else {
        std::size_t const which = random() % in.size();
        heap.remove(in[which]->node);
        in.erase(in.begin() + static_cast<std::ptrdiff_t>(which));
      }
      tick_time earliest = never;
      for (timer const* each : in) earliest = std::min(earliest, each->node.due);
      ASSERT_EQ(heap.next_due(), earliest);
    }
    for (timer* each : in) heap.remove(each->node);
    EXPECT_EQ(heap.next_due(), never);
  });
}

// Of any number of timers, in one call: all that are due, and no other.
TEST(TimerHeap, FiresWhatIsDue) {
  run({.workers = 1}, [] {
    timer_heap heap;
    std::deque<timer> all;
    for (tick_time due = 1; due <= 1000; ++due) heap.add(all.emplace_back(due).node);
    // All are the same fiber's: the first ends its wait, and the others find it ended.
    EXPECT_EQ(heap.fire(0), 0u);
    EXPECT_EQ(heap.fire(900), 1u);
    EXPECT_EQ(heap.next_due(), 901);
    EXPECT_EQ(all.front().who.park({"a timer", &heap}), wake::timed_out);
    EXPECT_EQ(heap.fire(1000), 0u);
    EXPECT_EQ(heap.next_due(), never);
  });
}

}  // namespace
}  // namespace ramie::detail
