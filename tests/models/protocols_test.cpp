// The protocols as they ship: each in one thread, state by state, and the deque under real threads.
// What their interleavings do is the models' business.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <ramie/io/detail/descriptor_slot.hpp>
#include <ramie/sched/atomics.hpp>
#include <ramie/sched/detail/idle_set.hpp>
#include <ramie/sched/detail/inbox.hpp>
#include <ramie/sched/detail/join_word.hpp>
#include <ramie/sched/detail/next_slot.hpp>
#include <ramie/sched/detail/park_word.hpp>
#include <ramie/sched/detail/spawn_gate.hpp>
#include <ramie/sched/detail/work_deque.hpp>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ramie::detail {
namespace {

using small_deque = basic_work_deque<int, std_atomics, 4>;

class WorkDeque : public testing::TestWithParam<bool> {
 protected:
  small_deque deque;
  std::array<int, 6> items{0, 1, 2, 3, 4, 5};
  bool exclusive = GetParam();
};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutThieves, WorkDeque, testing::Bool(),
                         [](auto const& param) { return param.param ? "Exclusive" : "Shared"; });

TEST_P(WorkDeque, GivesNothingWhenEmpty) {
  EXPECT_EQ(deque.pop_back(exclusive), nullptr);
  EXPECT_EQ(deque.pop_front(exclusive), nullptr);
  EXPECT_EQ(deque.steal(), nullptr);
  EXPECT_EQ(deque.size(), 0U);
}

TEST_P(WorkDeque, PopsNewestAtTheBackAndOldestAtTheFront) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(deque.push(&items.at(static_cast<std::size_t>(i))));
  EXPECT_EQ(deque.size(), 4U);
  EXPECT_EQ(deque.pop_back(exclusive), &items[3]);
  EXPECT_EQ(deque.pop_front(exclusive), &items[0]);
  EXPECT_EQ(deque.steal(), &items[1]);
  EXPECT_EQ(deque.pop_back(exclusive), &items[2]);
  EXPECT_EQ(deque.pop_back(exclusive), nullptr);
}

TEST_P(WorkDeque, RefusesWhenFullAndGoesRound) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(deque.push(&items[0]));
  EXPECT_FALSE(deque.push(&items[5]));
  for (int round = 0; round < 100; ++round) {
    EXPECT_NE(deque.pop_front(exclusive), nullptr);
    EXPECT_TRUE(deque.push(&items[1]));
    EXPECT_FALSE(deque.push(&items[5]));
  }
  EXPECT_EQ(deque.size(), 4U);
}

// Against std::deque, operation by operation.
TEST_P(WorkDeque, BehavesLikeAQueueWithTwoEnds) {
  std::deque<int*> model;
  std::minstd_rand random(7);
  for (int step = 0; step < 10'000; ++step) {
    int* const item = &items.at(random() % items.size());
    int* expected = nullptr;
    switch (random() % 4) {
      case 0:
        ASSERT_EQ(deque.push(item), model.size() < 4);
        if (model.size() < 4) model.push_back(item);
        break;
      case 1:
        if (!model.empty()) {
          expected = model.back();
          model.pop_back();
        }
        ASSERT_EQ(deque.pop_back(exclusive), expected);
        break;
      default:
        if (!model.empty()) {
          expected = model.front();
          model.pop_front();
        }
        ASSERT_EQ(random() % 2 == 0 ? deque.pop_front(exclusive) : deque.steal(), expected);
    }
    ASSERT_EQ(deque.size(), model.size());
  }
}

/// Takes every item of a stress run apart: the items are counted by whoever takes them.
struct deque_stress {
  static constexpr std::size_t count = 200'000;
  static constexpr int thieves = 3;

  struct item {
    std::uint64_t written = 0;  // plain: what is checked is that the deque publishes it
    std::atomic<int> taken{0};
  };
  basic_work_deque<item, std_atomics, 64> deque;
  std::vector<item> items{count};
  std::atomic<std::size_t> left{count};
  std::atomic<int> bad{0};

  void take(item* found) {
    if (found == nullptr) return;
    auto const index = static_cast<std::uint64_t>(found - items.data());
    if (found->written != index + 1 || found->taken.exchange(1) != 0) ++bad;
    --left;
  }

  void own(unsigned seed) {
    std::minstd_rand random(seed);
    for (std::size_t i = 0; i < count;) {
      items[i].written = i + 1;
      if (random() % 3 != 0 && deque.push(&items[i])) {
        ++i;
      } else {
        take(random() % 2 == 0 ? deque.pop_back(false) : deque.pop_front(false));
      }
    }
    while (left.load() > 0) take(deque.pop_back(false));
  }

  void steal() {
    while (left.load() > 0) take(deque.steal());
  }
};

TEST(WorkDequeStress, EveryItemIsTakenOnce) {
  unsigned const seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  RecordProperty("seed", std::to_string(seed));
  deque_stress stress;
  std::vector<std::thread> thieves;
  for (int i = 0; i < deque_stress::thieves; ++i) thieves.emplace_back([&] { stress.steal(); });
  stress.own(seed);
  for (std::thread& each : thieves) each.join();
  EXPECT_EQ(stress.bad.load(), 0);
  EXPECT_EQ(stress.deque.size(), 0U);
}

using park_word = basic_park_word<std_atomics>;

TEST(ParkWord, ClaimBeforeParkIsRemembered) {
  park_word word;
  std::uint64_t const e = word.episode();
  EXPECT_TRUE(word.claim(e));
  EXPECT_FALSE(word.claim(e));
  EXPECT_FALSE(word.released(e));
  EXPECT_FALSE(word.release(e));
  EXPECT_TRUE(word.released(e));
  EXPECT_FALSE(word.commit_park(e));
  EXPECT_EQ(word.episode(), e + 1);
}

TEST(ParkWord, WinnerSchedulesAParkedOwner) {
  park_word word;
  std::uint64_t parked_in = 99;
  EXPECT_FALSE(word.parked(parked_in));
  EXPECT_TRUE(word.commit_park(0));
  EXPECT_TRUE(word.parked(parked_in));
  EXPECT_EQ(parked_in, 0U);
  EXPECT_TRUE(word.claim(0));
  EXPECT_FALSE(word.parked(parked_in));
  EXPECT_TRUE(word.release(0));
}

TEST(ParkWord, OwnerThatParksAfterTheClaimIsScheduledByTheWinner) {
  park_word word;
  EXPECT_TRUE(word.claim(0));
  EXPECT_TRUE(word.commit_park(0));
  EXPECT_TRUE(word.release(0));
}

TEST(ParkWord, StaleEpisodeIsNeverClaimed) {
  park_word word;
  ASSERT_TRUE(word.claim(0));
  word.release(0);
  EXPECT_FALSE(word.claim(0));
  EXPECT_TRUE(word.commit_park(1));
  EXPECT_FALSE(word.claim(0));
  EXPECT_TRUE(word.claim(1));
}

TEST(CancelFlag, IsSeenOnceRequestedAndUntilReset) {
  basic_cancel_flag<std_atomics> flag;
  EXPECT_FALSE(flag.requested());
  EXPECT_FALSE(flag.requested_after_commit());
  flag.request();
  EXPECT_TRUE(flag.requested());
  EXPECT_TRUE(flag.requested_after_commit());
  flag.reset();
  EXPECT_FALSE(flag.requested());
}

using join_word = basic_join_word<std_atomics>;

TEST(JoinWord, FinisherFindsTheWaiter) {
  join_word word;
  int waiter = 0;
  EXPECT_TRUE(word.await(&waiter));
  auto const found = word.begin_finish();
  EXPECT_FALSE(found.detached);
  EXPECT_EQ(found.waiter, &waiter);
  EXPECT_FALSE(word.done());
  word.end_finish();
  EXPECT_TRUE(word.done());
  EXPECT_FALSE(word.withdraw(&waiter));
  EXPECT_FALSE(word.await(&waiter));
}

TEST(JoinWord, WithdrawnWaiterIsNotFound) {
  join_word word;
  int waiter = 0;
  ASSERT_TRUE(word.await(&waiter));
  EXPECT_TRUE(word.withdraw(&waiter));
  EXPECT_EQ(word.begin_finish().waiter, nullptr);
}

TEST(JoinWord, TheLaterOfHandleAndFinisherFrees) {
  join_word detached_first;
  EXPECT_TRUE(detached_first.detach());
  EXPECT_TRUE(detached_first.begin_finish().detached);

  join_word finished_first;
  EXPECT_FALSE(finished_first.begin_finish().detached);
  finished_first.end_finish();
  EXPECT_FALSE(finished_first.detach());
}

using idle_set = basic_idle_set<std_atomics>;

TEST(IdleSet, AtMostHalfRoundedUpSearch) {
  for (auto [workers, limit] : {std::pair{1U, 1}, {2U, 1}, {3U, 2}, {8U, 4}, {1024U, 512}}) {
    idle_set set(workers);
    int searching = 0;
    while (set.try_start_searching()) ++searching;
    EXPECT_EQ(searching, limit) << workers;
    EXPECT_EQ(set.searching(), static_cast<unsigned>(limit));
    for (; searching > 1; --searching) EXPECT_FALSE(set.stop_searching());
    EXPECT_TRUE(set.stop_searching());
  }
}

TEST(IdleSet, PickWakesASleeperOnlyIfNobodySearches) {
  idle_set set(4);
  EXPECT_EQ(set.pick_sleeper_to_wake(), -1);
  set.announce_sleep(3, false);
  ASSERT_TRUE(set.try_start_searching());
  EXPECT_EQ(set.pick_sleeper_to_wake(), -1);
  EXPECT_EQ(set.pick_any_sleeper(), 3);
  EXPECT_EQ(set.searching(), 2U);
  EXPECT_EQ(set.sleeping(), 0U);
  set.end_sleep(3);
  EXPECT_EQ(set.searching(), 2U);
}

TEST(IdleSet, SleeperThatWakesByItselfIsCountedAsSearching) {
  idle_set set(2);
  ASSERT_TRUE(set.try_start_searching());
  set.announce_sleep(1, true);
  EXPECT_EQ(set.searching(), 0U);
  EXPECT_EQ(set.sleeping(), 1U);
  set.end_sleep(1);
  EXPECT_EQ(set.searching(), 1U);
  EXPECT_EQ(set.sleeping(), 0U);
  EXPECT_EQ(set.pick_any_sleeper(), -1);
}

TEST(IdleSet, PicksTheWantedWorkerOrNobody) {
  idle_set set(1024);
  set.announce_sleep(1000, false);
  set.announce_sleep(70, false);
  EXPECT_EQ(set.pick_worker(71), -1);
  EXPECT_EQ(set.pick_worker(1000), 1000);
  EXPECT_EQ(set.pick_worker(1000), -1);
  EXPECT_EQ(set.pick_any_sleeper(), 70);
  EXPECT_EQ(set.searching(), 2U);
}

TEST(SpawnGate, CountsUntilClosed) {
  basic_spawn_gate<std_atomics> gate;
  EXPECT_TRUE(gate.enter());
  EXPECT_TRUE(gate.enter());
  EXPECT_FALSE(gate.closed());
  gate.close();
  gate.close();
  EXPECT_TRUE(gate.closed());
  EXPECT_FALSE(gate.enter());
  EXPECT_EQ(gate.entered(), 2U);

  basic_finished_count<std_atomics> finished;
  finished.add_one();
  finished.add_one();
  EXPECT_EQ(finished.get(), gate.entered());
}

struct node {
  node* queue_next = nullptr;
};
using overflow_list = basic_overflow_list<node, std_atomics, std::mutex>;

TEST(OverflowList, KeepsOrderInChainsAndOneByOne) {
  overflow_list list;
  std::array<node, 4> nodes;
  EXPECT_EQ(list.pop_front(), nullptr);
  list.push_back(&nodes[0]);
  nodes[1].queue_next = &nodes[2];
  list.push_back_list(&nodes[1], &nodes[2], 2);
  list.push_back(&nodes[3]);
  EXPECT_EQ(list.size(), 4U);
  EXPECT_EQ(list.pop_front(), &nodes[0]);
  auto const taken = list.pop_front_n(2);
  EXPECT_EQ(taken.size, 2U);
  EXPECT_EQ(taken.first, &nodes[1]);
  EXPECT_EQ(taken.last, &nodes[2]);
  EXPECT_EQ(taken.last->queue_next, nullptr);
  EXPECT_EQ(list.pop_front_n(9).size, 1U);
  EXPECT_EQ(list.size(), 0U);
  EXPECT_EQ(list.pop_front_n(0).first, nullptr);
}

/// A bounded queue for one thread.
struct two_items {
  std::deque<node*> items;
  bool push(node* item) {
    if (items.size() == 2) return false;
    items.push_back(item);
    return true;
  }
  std::size_t pop(std::span<node*> out) {
    std::size_t const taken = std::min(out.size(), items.size());
    for (node*& item : out.first(taken)) {
      item = items.front();
      items.pop_front();
    }
    return taken;
  }
  bool empty() const { return items.empty(); }
};

TEST(Inbox, OverflowsAndKeepsOrder) {
  basic_inbox<node, std_atomics, two_items, std::mutex> inbox;
  std::array<node, 5> nodes;
  EXPECT_TRUE(inbox.empty());
  EXPECT_EQ(inbox.pop(), nullptr);
  for (int i = 0; i < 3; ++i) inbox.push(&nodes.at(static_cast<std::size_t>(i)));
  EXPECT_EQ(inbox.pop(), &nodes[0]);
  inbox.push(&nodes[3]);  // behind the one that overflowed, though the queue has room again
  for (int i = 1; i < 4; ++i) EXPECT_EQ(inbox.pop(), &nodes.at(static_cast<std::size_t>(i)));
  EXPECT_TRUE(inbox.empty());
  inbox.push(&nodes[4]);
  EXPECT_FALSE(inbox.empty());
}

TEST(Inbox, GivesTheOldestByTheBatchFromTheQueueAndTheOverflow) {
  basic_inbox<node, std_atomics, two_items, std::mutex> inbox;
  std::array<node, 5> nodes;
  std::array<node*, 5> taken{};
  EXPECT_EQ(inbox.pop(taken), 0U);
  for (node& each : nodes) inbox.push(&each);
  EXPECT_EQ(inbox.pop(std::span(taken).first(0)), 0U);
  EXPECT_EQ(inbox.pop(std::span(taken).first(1)), 1U);  // not all of the queue
  EXPECT_EQ(inbox.pop(std::span(taken).subspan(1, 2)), 2U);
  EXPECT_FALSE(inbox.empty());
  EXPECT_EQ(inbox.pop(std::span(taken).subspan(3)), 2U);
  for (std::size_t i = 0; i < nodes.size(); ++i) EXPECT_EQ(taken.at(i), &nodes.at(i));
  EXPECT_TRUE(inbox.empty());
}

TEST(NextSlot, HoldsOneAndPushesItOut) {
  for (bool const alone : {true, false}) {
    basic_next_slot<node, std_atomics> slot;
    std::array<node, 3> nodes;
    EXPECT_TRUE(slot.empty());
    EXPECT_EQ(slot.take(alone), nullptr);
    EXPECT_EQ(slot.push(&nodes[0], alone), nullptr);
    EXPECT_FALSE(slot.empty());
    EXPECT_EQ(slot.push(&nodes[1], alone), &nodes[0]);
    EXPECT_EQ(slot.take(alone), &nodes[1]);
    EXPECT_EQ(slot.take(alone), nullptr);
    EXPECT_EQ(slot.push(&nodes[2], alone), nullptr);
    EXPECT_EQ(slot.steal(), &nodes[2]);
    EXPECT_EQ(slot.steal(), nullptr);
    EXPECT_TRUE(slot.empty());
  }
}

using descriptor_slot = basic_descriptor_slot<std_atomics>;

TEST(DescriptorSlot, ReadinessSticksUntilUsed) {
  descriptor_slot slot;
  alignas(8) int waiter = 0;
  EXPECT_EQ(slot.signal(0), nullptr);
  EXPECT_EQ(slot.arm(&waiter), arm_result::was_ready);
  EXPECT_EQ(slot.arm(&waiter), arm_result::armed);
  EXPECT_EQ(slot.signal(0), &waiter);
  EXPECT_TRUE(slot.consume());
  EXPECT_FALSE(slot.consume());
}

TEST(DescriptorSlot, HasOneWaiterAtMost) {
  descriptor_slot slot;
  alignas(8) int first = 0;
  alignas(8) int second = 0;
  EXPECT_EQ(slot.arm(&first), arm_result::armed);
  EXPECT_EQ(slot.arm(&second), arm_result::busy);
  EXPECT_TRUE(slot.disarm(&first));
  EXPECT_FALSE(slot.disarm(&first));
  EXPECT_EQ(slot.arm(&second), arm_result::armed);
}

TEST(DescriptorSlot, CloseWakesAndReuseIgnoresStaleEvents) {
  descriptor_slot slot;
  alignas(8) int waiter = 0;
  ASSERT_EQ(slot.arm(&waiter), arm_result::armed);
  EXPECT_EQ(slot.close(), &waiter);
  EXPECT_EQ(slot.close(), nullptr);
  EXPECT_EQ(slot.arm(&waiter), arm_result::closed);
  EXPECT_EQ(slot.signal(0), nullptr);
  EXPECT_EQ(slot.arm(&waiter), arm_result::closed);
  EXPECT_EQ(slot.reset(), 1U);
  EXPECT_EQ(slot.signal(0), nullptr);
  EXPECT_EQ(slot.arm(&waiter), arm_result::armed);
  EXPECT_EQ(slot.signal(slot.generation()), &waiter);
}

}  // namespace
}  // namespace ramie::detail
