// What who knows Go expects of channels and select, beyond what the tests of each show: fairness
// between those who wait, races of closing and of looking, disabled cases, long chains, exceptions
// while selected.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sync/select.hpp>
#include <ramie/sync/wait_group.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::after;
using ramie::channel;
using ramie::channel_status;
using ramie::on_event;
using ramie::on_receive;
using ramie::on_send;
using ramie::otherwise;
using ramie::select;
using ramie::spawn;
using ramie::when;
using ramie::test::forever;
using ramie::test::ignore;
using ramie::test::nothing;
using ramie::test::settle;

RAMIE_TEST_WITH_WORKERS(ChannelExpectations);

// --- fairness between those who wait

TEST(ChannelFairness, WhoWaitsInASelectIsServedInTurnWithThoseWhoReceive) {
  ramie::test::on_one_worker([] {
    channel<int> c(0);
    channel<int> other(0);
    std::vector<int> order;
    std::vector<ramie::join_handle<void>> receivers;
    for (int who = 0; who < 6; ++who) {
      receivers.push_back(spawn([&, who] {
        if (who % 2 == 0) {
          select(on_receive(other, ignore), on_receive(c, ignore));
        } else {
          c.receive();
        }
        order.push_back(who);
      }));
      settle();
    }
    for (int i = 0; i < 6; ++i) {
      c.send(i);
      settle();
    }
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4, 5}));
    for (auto& one : receivers) one.join();
  });
}

TEST(ChannelFairness, ReceiversThatComeAgainQueueBehindTheOthers) {
  ramie::test::on_one_worker([] {
    constexpr int receivers = 8;
    constexpr int each = 100;
    channel<int> c(0);
    std::array<int, receivers> got{};
    std::vector<ramie::join_handle<void>> all;
    for (auto& mine : got) {
      all.push_back(spawn([&c, &mine] {
        for ([[maybe_unused]] int const value : c) ++mine;
      }));
    }
    settle();  // All of them wait.
    for (int i = 0; i < receivers * each; ++i) c.send(i);
    c.close();
    for (auto& one : all) one.join();
    for (int const one : got) EXPECT_NEAR(one, each, each / 10);
  });
}

TEST(ChannelFairness, OfTwoSendsOnOneChannelEitherMayBeTheOne) {
  ramie::test::on_one_worker([] {
    constexpr int rounds = 2'000;
    channel<int> c(0);
    auto sender = spawn([&] {
      for (int i = 0; i < rounds; ++i) select(on_send(c, 0, nothing), on_send(c, 1, nothing));
    });
    int ones = 0;
    for (int i = 0; i < rounds; ++i) {
      if (i % 2 == 0) settle();  // The select waits, or the receiver does.
      ones += *c.receive();
    }
    sender.join();
    EXPECT_GT(ones, rounds / 10);
    EXPECT_LT(ones, rounds - rounds / 10);
  });
}

// --- leaving the queues of the cases that were not taken

TEST(SelectLeaves, TheOthersInTheirPlaces) {
  ramie::test::on_one_worker([] {
    channel<int> a(0);
    channel<int> b(0);
    auto const wait_for_both = [&] {
      int got = 0;
      auto const take = [&](auto v) { got = *v; };
      select(on_receive(a, take), on_receive(b, take));
      return got;
    };
    auto first = spawn(wait_for_both);
    settle();
    auto second = spawn([&] { return a.receive(); });
    settle();
    auto third = spawn(wait_for_both);
    settle();
    b.send(1);
    EXPECT_EQ(first.join(), 1);
    a.send(2);
    EXPECT_EQ(second.join(), 2) << "it has moved up";
    a.send(3);
    EXPECT_EQ(third.join(), 3);
    EXPECT_EQ(a.try_send(4), channel_status::full);
    EXPECT_EQ(b.try_send(4), channel_status::full);
  });
}

TEST(SelectLeaves, NothingBehindWhenItEndsByAnException) {
  ramie::test::on_one_worker([] {
    channel<int> in(0);
    channel<int> out(0);
    channel<int> other(0);
    ramie::auto_reset_event bell;
    auto const wait_and_throw = [&] {
      select(on_receive(other, ignore), on_send(out, 1, nothing), on_event(bell, nothing),
             on_receive(in, [](auto) { throw std::runtime_error("handler"); }));
    };
    auto const expect_nobody = [&] {
      EXPECT_EQ(other.try_send(1), channel_status::full);
      EXPECT_EQ(in.try_send(1), channel_status::full);
      EXPECT_FALSE(bell.wait_for(-forever));
    };
    auto throwing = spawn(wait_and_throw);
    settle();
    in.send(1);
    EXPECT_THROW(throwing.join(), std::runtime_error);
    expect_nobody();
    EXPECT_EQ(out.try_receive().status, channel_status::empty);

    auto sending = spawn(wait_and_throw);
    settle();
    out.close();
    EXPECT_THROW(sending.join(), ramie::channel_closed);
    expect_nobody();
  });
}

TEST_P(ChannelExpectations, ExceptionsWhileSelectedLoseNothing) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    constexpr int each = 500;
    channel<std::unique_ptr<int>> a(0);
    channel<std::unique_ptr<int>> b(1);
    std::atomic<int> balance = 0;
    std::atomic<int> thrown = 0;
    std::atomic<int> senders_left = 3;
    struct upset {};
    ramie::test::fibers_and_threads(6, [&](int who) {
      std::mt19937 random(seed + static_cast<unsigned>(who));
      auto const perhaps_throw = [&] {
        if (random() % 4 == 0) throw upset();
      };
      auto const sent = [&] {
        balance.fetch_add(1);
        perhaps_throw();
      };
      bool closed = false;
      auto const take = [&](std::optional<std::unique_ptr<int>> v) {
        closed = !v;
        if (closed) return;
        balance.fetch_sub(1);
        perhaps_throw();
      };
      for (int i = 0; who % 2 == 0 ? i < each : !closed; ++i) {
        auto value = std::make_unique<int>(i);
        try {
          if (who % 2 == 0) {
            select(on_send(a, std::move(value), sent), on_send(b, std::move(value), sent));
          } else {
            select(on_receive(a, take), on_receive(b, take));
          }
        } catch (upset const&) {
          thrown.fetch_add(1);
        }
      }
      if (who % 2 == 0 && senders_left.fetch_sub(1) == 1) {
        a.close();
        b.close();
      }
    });
    while (b.try_receive()) balance.fetch_sub(1);
    EXPECT_EQ(balance.load(), 0);
    EXPECT_GT(thrown.load(), 0);
  });
}

// --- races of those who look without waiting

/// For each round: prepares it, then calls `here` and, on another thread at about the same time,
/// `there`; then checks it.
template <class Prepare, class Here, class There, class Check>
void race(Prepare prepare, Here here, There there, Check check) {
  constexpr int rounds = 5'000;
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  std::thread other([&] {
    for (int i = 1; i <= rounds; ++i) {
      while (begun.load() < i) std::this_thread::yield();
      ramie::test::pause_for(i % 64);
      there(i);
      ended.store(i);
    }
  });
  for (int i = 1; i <= rounds; ++i) {
    prepare();
    begun.store(i);
    ramie::test::pause_for(i / 64 % 64);
    here(i);
    while (ended.load() < i) std::this_thread::yield();
    check();
  }
  other.join();
}

TEST(ChannelRaces, OfTwoChannelsOfWhichOneIsAlwaysReadyOneIsTaken) {
  std::optional<channel<int>> first;
  std::optional<channel<int>> then;
  std::size_t taken = 9;
  race(
      [&] {
        first.emplace(1);
        then.emplace(1);
        first->send(1);
      },
      [&](int round) {
        // The second one becomes ready before the first one is emptied.
        round % 2 == 0 ? then->close() : then->send(1);
        select(on_receive(*first, ignore), otherwise(nothing));
      },
      [&](int) {
        taken = select(on_receive(*first, ignore), on_receive(*then, ignore), otherwise(nothing));
      },
      [&] { EXPECT_LT(taken, 2u); });
}

TEST(ChannelRaces, AValueIsNotOverlookedByOneWhoMeetsTheClosing) {
  std::optional<channel<int>> c;
  bool mine = false;
  channel_status theirs{};
  race(
      [&] {
        c.emplace(1);
        c->send(1);
      },
      [&](int) {
        c->close();
        mine = c->receive().has_value();
      },
      [&](int) { theirs = c->try_receive().status; },
      [&] {
        EXPECT_NE(theirs, channel_status::empty) << "there is a value, or it is closed";
        EXPECT_NE(mine, theirs == channel_status::ok) << "one of them has it";
      });
}

// --- closing races

TEST_P(ChannelExpectations, WhoeverClosesFirstEveryCallEnds) {
  run_it([] {
    for (int round = 0; round < 200; ++round) {
      channel<int> c(static_cast<std::size_t>(round % 3));
      std::atomic<int> balance = 0;
      ramie::test::fibers_and_threads(8, [&](int who) {
        if (who < 3) {
          ramie::test::pause_for(round % 50 * who);
          return c.close();
        }
        for (;;) {
          if (who < 6) {
            auto const status = who == 3   ? c.try_send(1)
                                : who == 4 ? c.send_for(1, std::chrono::microseconds(20))
                                           : c.send_for(1, forever);
            if (status == channel_status::ok) balance.fetch_add(1);
            if (status == channel_status::closed) return;
          } else {
            auto const got =
                who == 6 ? c.receive_for(std::chrono::microseconds(20)) : c.receive_for(forever);
            if (got) balance.fetch_sub(1);
            if (got.status == channel_status::closed) return;
          }
        }
      });
      EXPECT_EQ(c.try_receive().status, channel_status::closed) << "the receivers drain it";
      ASSERT_EQ(balance.load(), 0);
    }
  });
}

TEST_P(ChannelExpectations, ClosingTellsThousandsWhoWait) {
  run_it([] {
    constexpr int waiters = 3'000;
    channel<int> receiving(0);
    channel<int> sending(0);
    ramie::wait_group begun;
    begun.add(waiters);
    std::atomic<int> told = 0;
    std::vector<ramie::join_handle<void>> all;
    for (int i = 0; i < waiters; ++i) {
      all.push_back(spawn([&, i] {
        begun.done();
        if (i % 3 == 0) {
          EXPECT_FALSE(receiving.receive());
        } else if (i % 3 == 1) {
          EXPECT_THROW(sending.send(i), ramie::channel_closed);
        } else {
          bool closed = false;
          select(on_receive(receiving, [&](auto v) { closed = !v; }), after(forever, nothing));
          EXPECT_TRUE(closed);
        }
        told.fetch_add(1);
      }));
    }
    begun.wait();
    receiving.close();
    sending.close();
    for (auto& one : all) one.join();
    EXPECT_EQ(told.load(), waiters);
  });
}

// --- disabled cases

TEST_P(ChannelExpectations, WhatIsClosedIsDisabledUntilNothingIsLeft) {
  run_it([] {
    constexpr std::size_t sources = 3;
    constexpr int each = 1'000;
    std::array<channel<int>, sources> from{channel<int>(0), channel<int>(1), channel<int>(16)};
    std::vector<ramie::join_handle<void>> senders;
    for (std::size_t i = 0; i < sources; ++i) {
      senders.push_back(spawn([&, i] {
        for (int k = 0; k < each * (static_cast<int>(i) + 1); ++k) from[i].send(k);
        from[i].close();
      }));
    }
    std::array<int, sources> next{};
    std::array<bool, sources> open{true, true, true};
    auto const take = [&](std::size_t i) {
      return [&, i](std::optional<int> v) {
        open[i] = v.has_value();
        if (v) {
          EXPECT_EQ(*v, next[i]++) << "each source keeps its order";
        }
      };
    };
    while (open[0] || open[1] || open[2]) {
      select(when(open[0], on_receive(from[0], take(0))),
             when(open[1], on_receive(from[1], take(1))),
             when(open[2], on_receive(from[2], take(2))));
    }
    EXPECT_EQ(next, (std::array{each, 2 * each, 3 * each}));
    for (auto& sender : senders) sender.join();
  });
}

// --- many

TEST_P(ChannelExpectations, AChainOfThousands) {
  run_it([] {
    constexpr int links = 5'000;
    std::vector<std::unique_ptr<channel<int>>> between;
    for (int i = 0; i <= links; ++i) between.push_back(std::make_unique<channel<int>>(0));
    std::vector<ramie::join_handle<void>> chain;
    for (std::size_t i = 0; i < links; ++i) {
      chain.push_back(spawn([&from = *between[i + 1], &to = *between[i]] {
        for (int const value : from) to.send(value + 1);
        to.close();
      }));
    }
    auto& entrance = *between.back();
    auto& way_out = *between.front();
    auto feeding = spawn([&] {
      for (int i = 0; i < 3; ++i) entrance.send(i);
      entrance.close();
    });
    for (int i = 0; i < 3; ++i) EXPECT_EQ(way_out.receive(), links + i);
    EXPECT_EQ(way_out.receive(), std::nullopt);
    feeding.join();
    for (auto& link : chain) link.join();
  });
}

TEST_P(ChannelExpectations, AThousandSendersOnOneChannel) {
  run_it([] {
    constexpr int senders = 1'000;
    constexpr int each = 4;
    channel<int> c(3);
    std::vector<ramie::join_handle<void>> all;
    for (int who = 0; who < senders; ++who) {
      all.push_back(spawn([&c, who] {
        for (int i = 0; i < each; ++i) c.send(who * each + i);
      }));
    }
    std::vector<int> next(senders);
    for (int i = 0; i < senders * each; ++i) {
      int const value = *c.receive();
      EXPECT_EQ(value % each, next[static_cast<std::size_t>(value / each)]++)
          << "each sender's come in its order";
    }
    for (auto& one : all) one.join();
    EXPECT_EQ(std::accumulate(next.begin(), next.end(), 0), senders * each);
  });
}

TEST(SelectOfMany, ThirtyTwoCases) {
  ramie::test::on_one_worker([] {
    std::array<std::unique_ptr<channel<int>>, 32> all;
    for (auto& one : all) one = std::make_unique<channel<int>>(0);
    auto const wait_for_any = [&]<std::size_t... I>(std::index_sequence<I...>) {
      return select(on_receive(*all[I], ignore)...);
    };
    auto selecting = spawn([&] {
      std::vector<std::size_t> order;
      while (order.size() < all.size()) {
        order.push_back(wait_for_any(std::make_index_sequence<all.size()>()));
      }
      return order;
    });
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < all.size(); ++i) {
      expected.push_back(i * 7 % all.size());
      settle();
      all[expected.back()]->send(1);
    }
    EXPECT_EQ(selecting.join(), expected);
  });
}

// --- elements of no size

TEST(ChannelOfNothing, CountsLikeAnyOther) {
  struct token {};
  channel<token> c(2);
  EXPECT_EQ(c.try_send({}), channel_status::ok);
  EXPECT_EQ(c.try_send({}), channel_status::ok);
  EXPECT_EQ(c.try_send({}), channel_status::full);
  EXPECT_TRUE(c.receive());
  c.close();
  EXPECT_TRUE(c.receive());
  EXPECT_FALSE(c.receive());
}

}  // namespace
