// Select under contention: what the tests of Go's channels are about. With seeds: a failure names
// the seed, RAMIE_TEST_SEED replays it.
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>
#include <ramie/sync/select.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::after;
using ramie::channel;
using ramie::on_event;
using ramie::on_join;
using ramie::on_receive;
using ramie::on_send;
using ramie::otherwise;
using ramie::select;
using ramie::spawn;
using ramie::when;
using ramie::test::forever;
using ramie::test::ignore;
using ramie::test::nothing;

RAMIE_TEST_WITH_WORKERS(SelectStress);

template <std::size_t N>
void expect_even(std::array<int, N> const& picks, int expected) {
  for (int const one : picks) EXPECT_NEAR(one, expected, expected / 10);
}

void pick_among_the_ready() {
  constexpr int picks = 100'000;
  channel<int> closed(0);
  closed.close();
  ramie::unbounded_channel<int> open;
  ramie::event set;
  set.set();
  std::array<int, 5> all{};
  for (int i = 0; i < picks; ++i) {
    ++all[select(on_receive(closed, ignore), on_send(open, i, nothing), on_event(set, nothing),
                 after(-forever, nothing), on_receive(closed, ignore))];
  }
  expect_even(all, picks / 5);
  channel<int> empty(0);
  std::array<int, 6> some{};
  for (int i = 0; i < picks; ++i) {
    ++some[select(on_receive(closed, ignore), on_receive(closed, ignore), on_receive(empty, ignore),
                  on_receive(empty, ignore), on_receive(closed, ignore), otherwise(nothing))];
  }
  expect_even(std::array{some[0], some[1], some[4]}, picks / 3);
  EXPECT_EQ(some[2] + some[3] + some[5], 0);
}

TEST(SelectFairness, OfOneHundredThousandPicksEachReadyCaseHasItsShare) {
  pick_among_the_ready();
  ramie::run({.workers = 1}, pick_among_the_ready);
}

/// Go's sieve: a chain of fibers, each of which drops the multiples of one prime; with a way out.
void sieve(channel<int>& from, ramie::event& enough, std::vector<int>& primes, std::size_t count) {
  bool over = false;
  auto const next = [&](channel<int>& source) {
    int value = 0;
    select(on_receive(source, [&](std::optional<int> v) { value = v.value_or(0); }),
           on_event(enough, [&] { over = true; }));
    return value;
  };
  int const prime = next(from);
  if (over) return;
  primes.push_back(prime);
  if (primes.size() == count) return enough.set();
  channel<int> rest(0);
  auto further = spawn([&] { sieve(rest, enough, primes, count); });
  while (!over) {
    int const value = next(from);
    if (over || value % prime == 0) continue;
    select(on_send(rest, value, nothing), on_event(enough, [&] { over = true; }));
  }
  further.join();
}

TEST_P(SelectStress, PrimeSieve) {
  run_it([] {
    channel<int> numbers(0);
    ramie::event enough;
    std::vector<int> primes;
    auto generator = spawn([&] {
      bool over = false;
      for (int i = 2; !over; ++i) {
        select(on_send(numbers, i, nothing), on_event(enough, [&] { over = true; }));
      }
    });
    sieve(numbers, enough, primes, 60);
    generator.join();
    ASSERT_EQ(primes.size(), 60u);
    EXPECT_EQ(primes.back(), 281);
  });
}

TEST_P(SelectStress, ThousandsOfFibersOnOneChannel) {
  run_it([] {
    constexpr int fibers = 4'000;
    constexpr int values = 2'500;
    channel<int> c(0);
    ramie::event quit;
    std::atomic<int> received = 0;
    std::atomic<int> gave_up = 0;
    std::vector<ramie::join_handle<void>> all;
    for (int i = 0; i < fibers; ++i) {
      all.push_back(spawn([&] {
        select(on_receive(c, [&](auto v) { received.fetch_add(*v); }),
               on_event(quit, [&] { gave_up.fetch_add(1); }));
      }));
    }
    for (int i = 0; i < values; ++i) c.send(1);
    quit.set();
    for (auto& one : all) one.join();
    EXPECT_EQ(received.load(), values);
    EXPECT_EQ(gave_up.load(), fibers - values);
  });
}

/// Everybody selects over both ends of the same channels.
void both_ends(unsigned seed, std::size_t capacity) {
  constexpr int actors = 6;
  constexpr int each = 1'000;
  channel<int> a(capacity);
  channel<int> b(capacity);
  channel<int> c(capacity);
  std::vector<std::atomic<int>> sent(actors * each);
  std::vector<std::atomic<int>> received(actors * each);
  std::atomic<int> senders_left = actors;
  ramie::test::fibers_and_threads(actors, [&](int who) {
    std::mt19937 random(seed + static_cast<unsigned>(who));
    auto const take = [&](std::optional<int> v) {
      if (v) received[static_cast<std::size_t>(*v)].fetch_add(1);
    };
    for (int i = 0; i < each; ++i) {
      int const value = who * each + i;
      bool done = false;
      auto const gone = [&] {
        sent[static_cast<std::size_t>(value)].fetch_add(1);
        done = true;
      };
      while (!done) {
        auto const which = random();
        select(on_receive(a, take), when((which & 1) != 0, on_send(b, value, gone)),
               when((which & 2) != 0, on_receive(c, take)), on_send(a, value, gone),
               on_receive(b, take), when((which & 4) != 0, on_send(c, value, gone)));
      }
    }
    // The last ones have nobody to receive from them but those who have sent all theirs.
    if (senders_left.fetch_sub(1) == 1) {
      for (auto* one : {&a, &b, &c}) one->close();
    }
    bool closed = false;
    while (!closed) {
      auto const drain = [&](std::optional<int> v) {
        take(v);
        closed = !v;
      };
      select(on_receive(a, drain), on_receive(b, drain), on_receive(c, drain));
    }
  });
  for (auto* one : {&a, &b, &c}) {
    while (auto const left = one->try_receive()) {
      received[static_cast<std::size_t>(*left.value)].fetch_add(1);
    }
  }
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_EQ(sent[i].load(), 1);
    ASSERT_EQ(received[i].load(), 1) << i;
  }
}

TEST_P(SelectStress, SelectsAtBothEndsLoseNothingAndDoubleNothing) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    for (std::size_t const capacity : {0u, 1u, 3u}) both_ends(seed, capacity);
  });
}

TEST_P(SelectStress, ClosingRacesWithBothDirections) {
  run_it([] {
    for (int round = 0; round < 200; ++round) {
      channel<int> a(0);
      channel<int> b(1);
      std::atomic<int> balance = 0;
      ramie::test::fibers_and_threads(6, [&](int who) {
        if (who == 0) {
          ramie::test::pause_for(round % 40);
          a.close();
          b.close();
          return;
        }
        try {
          for (;;) {
            bool closed = false;
            auto const take = [&](std::optional<int> v) {
              closed = !v;
              if (v) balance.fetch_sub(*v);
            };
            if (who % 2 == 0) {
              select(on_receive(a, take), on_receive(b, take));
            } else {
              select(on_send(a, who, [&] { balance.fetch_add(who); }),
                     on_send(b, who, [&] { balance.fetch_add(who); }));
            }
            if (closed) return;
          }
        } catch (ramie::channel_closed const&) {
          // A sender's end.
        }
      });
      while (auto const left = b.try_receive()) balance.fetch_sub(*left.value);
      ASSERT_EQ(balance.load(), 0);
    }
  });
}

/// Tokens that wander between channels by selects which are interrupted all the time.
class wandering_tokens {
 public:
  wandering_tokens() {
    for (int i = 0; i < count; ++i) home_.send(std::make_unique<int>(i));
  }

  /// Takes one somewhere and gives it away somewhere; may be interrupted anywhere.
  void move_one() {
    token mine;
    struct returner {
      ramie::unbounded_channel<token>& to;
      token& held;
      ~returner() {
        if (held) to.send(std::move(held));
      }
    } const put_back{home_, mine};
    auto const take = [&](std::optional<token> v) { mine = std::move(*v); };
    select(on_receive(home_, take), on_receive(narrow_, take), on_receive(rendezvous_, take));
    select(on_send(narrow_, std::move(mine), nothing),
           on_send(rendezvous_, std::move(mine), nothing));
  }

  void expect_all_there() {
    std::array<int, count> seen{};
    while (auto const one = home_.try_receive()) ++seen[static_cast<std::size_t>(**one.value)];
    while (auto const one = narrow_.try_receive()) ++seen[static_cast<std::size_t>(**one.value)];
    for (int const times : seen) EXPECT_EQ(times, 1);
  }

 private:
  using token = std::unique_ptr<int>;
  static constexpr int count = 4;

  ramie::unbounded_channel<token> home_;
  channel<token> narrow_{1};
  channel<token> rendezvous_{0};
};

TEST_P(SelectStress, DeadlinesLoseNothing) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    wandering_tokens tokens;
    ramie::test::fibers_and_threads(6, [&](int who) {
      std::mt19937 random(seed + static_cast<unsigned>(who));
      for (int i = 0; i < 500; ++i) {
        try {
          ramie::deadline_scope const limit(std::chrono::microseconds(random() % 60));
          tokens.move_one();
        } catch (ramie::timed_out const&) {
          // As intended.
        }
      }
    });
    tokens.expect_all_there();
  });
}

TEST_P(SelectStress, CancellationLosesNothing) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    wandering_tokens tokens;
    std::vector<ramie::join_handle<void>> actors;
    for (unsigned who = 0; who < 6; ++who) {
      actors.push_back(spawn([&tokens, random = std::mt19937(seed + who)]() mutable {
        for (int i = 0; i < 500; ++i) {
          auto attempt = spawn([&tokens] { tokens.move_one(); });
          for (unsigned wait = random() % 4; wait != 0; --wait) ramie::this_fiber::yield();
          attempt.cancel();
          try {
            attempt.join();
          } catch (ramie::cancelled const&) {
            // As intended.
          }
        }
      }));
    }
    for (auto& actor : actors) actor.join();
    tokens.expect_all_there();
  });
}

TEST_P(SelectStress, AnUnboundedChannelGivesEachValueOnceUntilItIsClosed) {
  run_it([] {
    constexpr int each = 1'000;
    ramie::unbounded_channel<int> c;
    ramie::unbounded_channel<int> idle;
    std::vector<std::atomic<int>> seen(3 * each);
    std::atomic<int> senders_left = 3;
    ramie::test::fibers_and_threads(6, [&](int who) {
      if (who < 3) {
        for (int i = 0; i < each; ++i) select(on_send(c, who * each + i, nothing));
        if (senders_left.fetch_sub(1) == 1) c.close();
        return;
      }
      if (who == 3) {
        for (int const value : c) seen[static_cast<std::size_t>(value)].fetch_add(1);
        return;
      }
      for (bool closed = false; !closed;) {
        select(on_receive(idle, ignore), on_receive(c, [&](std::optional<int> v) {
                 closed = !v;
                 if (v) seen[static_cast<std::size_t>(*v)].fetch_add(1);
               }));
      }
    });
    for (auto const& one : seen) ASSERT_EQ(one.load(), 1);
  });
}

/// All kinds of cases, switched on and off at random; workers and actors drawn from the seed.
void mix(unsigned seed) {
  std::mt19937 draw(seed);
  unsigned const workers = 1 + draw() % 4;
  int const actors = 2 + static_cast<int>(draw() % 6);
  ramie::run({.workers = workers, .seed = seed + 1}, [&] {
    channel<std::unique_ptr<int>> a(draw() % 3);
    channel<std::unique_ptr<int>> b(0);
    ramie::auto_reset_event ping;
    ramie::event gate;
    std::atomic<long> balance = 0;
    std::atomic<int> pings = 0;
    ramie::test::fibers_and_threads(actors, [&](int who) {
      std::mt19937 random(seed * 31 + static_cast<unsigned>(who));
      auto const bit = [&random] { return random() % 2 == 0; };
      for (int i = 0; i < 400; ++i) {
        auto value = std::make_unique<int>(i);
        auto const take = [&](std::optional<std::unique_ptr<int>> v) { balance.fetch_sub(**v); };
        auto const sent = [&] { balance.fetch_add(i); };
        auto child =
            spawn([pause = random() % 20] { ramie::test::pause_for(static_cast<int>(pause)); });
        if (bit()) {
          pings.fetch_add(1);
          ping.set();
        }
        bit() ? gate.set() : gate.reset();
        select(when(bit(), on_receive(a, take)), when(bit(), on_send(b, std::move(value), sent)),
               when(bit(), on_send(a, std::move(value), sent)), when(bit(), on_receive(b, take)),
               when(bit(), on_event(ping, [&] { pings.fetch_sub(1); })),
               when(bit(), on_event(gate, nothing)),
               when(bit(), on_join(child, [&] { child.join(); })), when(bit(), on_receive(b, take)),
               after(std::chrono::microseconds(random() % 40), nothing),
               when(random() % 8 == 0, otherwise(nothing)));
      }
    });
    while (auto const left = a.try_receive()) balance.fetch_sub(**left.value);
    EXPECT_EQ(balance.load(), 0);
    EXPECT_GE(pings.load(), 0) << "a set was taken twice";
  });
}

TEST(SelectMix, ExactlyOneCaseCommitsWhateverTheMix) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  for (unsigned i = 0; i < 12; ++i) mix(seed + i);
}

TEST_P(SelectStress, WhatItWaitedForMayBeDestroyedWhenItHasReturned) {
  run_it([] {
    ramie::test::destroy_as_soon_as_woken(
        +[] { return std::make_shared<channel<int>>(0); }, [](auto& c) { c.send(1); },
        [](auto& c) { EXPECT_LT(select(on_receive(c, ignore), on_receive(c, ignore)), 2u); });
    ramie::test::destroy_as_soon_as_woken(
        +[] { return std::make_shared<channel<int>>(0); },
        [](auto& c) { EXPECT_EQ(select(on_receive(c, ignore)), 0u); },
        [](auto& c) { EXPECT_EQ(select(on_send(c, 1, nothing), after(forever, nothing)), 0u); });
    ramie::test::destroy_as_soon_as_woken(
        +[] { return std::make_shared<ramie::event>(); }, [](auto& e) { e.set(); },
        [](auto& e) { EXPECT_EQ(select(on_event(e, nothing), after(forever, nothing)), 0u); });
  });
}

TEST(SelectStressOfThreads, WhoeverWakesItIsDoneWithTheChannelWhenItReturns) {
  ramie::test::destroy_while_the_waker_leaves(
      +[] { return std::make_shared<channel<int>>(0); },
      [](auto& c) { select(on_send(c, 1, nothing), after(forever, nothing)); },
      [](auto& c) { select(after(forever, nothing), on_receive(c, ignore)); });
}

}  // namespace
