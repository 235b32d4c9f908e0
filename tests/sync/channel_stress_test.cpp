// Channels under contention, with seeds: a failure names the seed, RAMIE_TEST_SEED replays it.
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <ramie/sync/channel.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::channel;
using ramie::channel_status;
using ramie::spawn;

RAMIE_TEST_WITH_WORKERS(ChannelStress);

/// Four senders and four receivers, fibers and threads; every value arrives once.
void every_value_arrives_once(std::size_t capacity) {
  channel<int> c(capacity);
  constexpr int each = 2'000;
  std::vector<std::atomic<int>> seen(4 * each);
  std::atomic<int> senders_left = 4;
  ramie::test::fibers_and_threads(8, [&](int who) {
    if (who < 4) {
      for (int i = 0; i < each; ++i) c.send(who * each + i);
      if (senders_left.fetch_sub(1) == 1) c.close();
    } else {
      for (int const value : c) seen[static_cast<std::size_t>(value)].fetch_add(1);
    }
  });
  for (auto const& one : seen) ASSERT_EQ(one.load(), 1);
}

TEST_P(ChannelStress, EveryValueArrivesOnce) {
  run_it([] {
    for (std::size_t const capacity : {0u, 1u, 128u}) every_value_arrives_once(capacity);
  });
}

TEST_P(ChannelStress, TimeOutsLoseNothingAndDoubleNothing) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    for (std::size_t const capacity : {0u, 1u}) {
      channel<int> c(capacity);
      std::atomic<long> sent = 0;
      std::atomic<long> received = 0;
      std::atomic<int> senders_left = 4;
      ramie::test::fibers_and_threads(8, [&](int who) {
        std::mt19937 random(seed + static_cast<unsigned>(who));
        auto const timeout = [&] { return std::chrono::microseconds(random() % 30); };
        if (who < 4) {
          for (int i = 1; i <= 1'000; ++i) {
            if (c.send_for(i, timeout()) == channel_status::ok) sent.fetch_add(i);
          }
          if (senders_left.fetch_sub(1) == 1) c.close();
        } else {
          for (auto got = c.receive_for(timeout()); got.status != channel_status::closed;
               got = c.receive_for(timeout())) {
            if (got) received.fetch_add(*got.value);
          }
        }
      });
      EXPECT_EQ(sent.load(), received.load());
    }
  });
}

TEST_P(ChannelStress, CancelledReceiversLoseNothing) {
  run_it([] {
    channel<int> c(0);
    constexpr int values = 1'000;
    std::atomic<int> received = 0;
    auto sender = spawn([&] {
      for (int i = 0; i < values; ++i) c.send(i);
      c.close();
    });
    while (received.load() < values) {
      // Each is cancelled while it waits, or as its value comes.
      auto receiver = spawn([&] {
        for (;;) {
          if (!c.receive()) return;
          received.fetch_add(1);
        }
      });
      ramie::this_fiber::yield();
      receiver.cancel();
      try {
        receiver.join();
      } catch (ramie::cancelled const&) {
        // As intended.
      }
    }
    sender.join();
    EXPECT_EQ(received.load(), values);
  });
}

TEST_P(ChannelStress, MayBeDestroyedWhenTheLastWaitHasReturned) {
  run_it([] {
    ramie::test::destroy_as_soon_as_woken(
        +[] { return std::make_shared<channel<int>>(0); }, [](auto& c) { c.send(1); },
        [](auto& c) { EXPECT_EQ(c.receive(), 1); });
    ramie::test::destroy_as_soon_as_woken(
        +[] { return std::make_shared<channel<int>>(1); }, [](auto& c) { c.close(); },
        [](auto& c) { EXPECT_EQ(c.receive(), std::nullopt); });
    ramie::test::destroy_as_soon_as_woken(
        +[] { return std::make_shared<channel<int>>(0); },
        [](auto& c) { EXPECT_EQ(c.receive(), 1); }, [](auto& c) { c.send(1); });
  });
}

TEST_P(ChannelStress, PingPongBetweenTwoRuntimes) {
  run_it([] {
    channel<int> there(0);
    channel<int> back(0);
    std::thread other([&] {
      ramie::run({.workers = 1}, [&] {
        for (int const value : there) back.send(value + 1);
      });
    });
    for (int i = 0; i < 500; ++i) {
      there.send(i);
      ASSERT_EQ(back.receive(), i + 1);
    }
    there.close();
    other.join();
  });
}

TEST(ChannelStressOfThreads, ASenderIsDoneWithItWhenAReceiveReturns) {
  ramie::test::destroy_while_the_waker_leaves(
      +[] { return std::make_shared<channel<int>>(0); }, [](auto& c) { c.send(1); },
      [](auto& c) { EXPECT_EQ(c.receive(), 1); });
  ramie::test::destroy_while_the_waker_leaves(
      +[] { return std::make_shared<channel<int>>(1); }, [](auto& c) { c.close(); },
      [](auto& c) { EXPECT_EQ(c.receive(), std::nullopt); });
}

}  // namespace
