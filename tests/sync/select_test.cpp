#include <ramie/sync/select.hpp>

#include <sys/select.h>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::after;
using ramie::channel;
using ramie::on_event;
using ramie::on_receive;
using ramie::on_send;
using ramie::otherwise;
using ramie::select;
using ramie::spawn;
using ramie::unbounded_channel;
using ramie::when;
using ramie::test::forever;
using ramie::test::ignore;
using ramie::test::nothing;
using ramie::test::settle;
using ramie::test::soon;

TEST(Select, TakesTheCaseThatIsReadyAndReturnsItsIndex) {
  channel<int> empty(1);
  channel<int> full(1);
  full.send(7);
  int got = 0;
  EXPECT_EQ(select(on_receive(empty, ignore), on_receive(full, [&](auto v) { got = *v; }),
                   after(forever, nothing)),
            1u);
  EXPECT_EQ(got, 7);
  EXPECT_EQ(select(on_send(full, 8, nothing), on_receive(empty, ignore)), 0u);
  EXPECT_EQ(full.receive(), 8);
}

TEST(Select, OtherwiseIsForWhenNothingIsReady) {
  channel<int> c(1);
  bool fell = false;
  EXPECT_EQ(select(otherwise([&] { fell = true; }), on_receive(c, ignore)), 0u);
  EXPECT_TRUE(fell);
  c.send(1);
  EXPECT_EQ(select(otherwise(nothing), on_receive(c, ignore)), 1u);
  EXPECT_EQ(select(otherwise(nothing)), 0u);
}

TEST(Select, AfterEndsTheWait) {
  channel<int> c(0);
  EXPECT_EQ(select(on_receive(c, ignore), after(soon, nothing)), 1u);
  EXPECT_EQ(select(on_receive(c, ignore), after(forever, nothing), after(soon, nothing)), 2u);
  EXPECT_EQ(select(on_send(c, 1, nothing), after(-forever, nothing)), 1u);
  EXPECT_EQ(c.try_receive().status, ramie::channel_status::empty);
}

TEST(Select, WaitsForASenderAndForAReceiver) {
  ramie::test::on_one_worker([] {
    channel<int> a(0);
    channel<int> b(0);
    auto selecting = spawn([&] {
      int got = 0;
      std::size_t const first = select(on_receive(a, [&](auto v) { got = *v; }),
                                       on_receive(b, [&](auto v) { got = 10 * *v; }));
      std::size_t const second = select(on_send(a, 3, nothing), on_send(b, 4, nothing));
      return got * 100 + static_cast<int>(first * 10 + second);
    });
    settle();
    b.send(5);
    settle();
    EXPECT_EQ(a.receive(), 3);
    EXPECT_EQ(selecting.join(), 5010);
    EXPECT_EQ(a.try_receive().status, ramie::channel_status::empty);
    EXPECT_EQ(b.try_receive().status, ramie::channel_status::empty);
  });
}

TEST(Select, ALosingValueIsNotMovedFrom) {
  channel<std::unique_ptr<int>> full(1);
  channel<std::unique_ptr<int>> free(1);
  full.send(nullptr);
  auto mine = std::make_unique<int>(1);
  auto other = std::make_unique<int>(2);
  EXPECT_EQ(select(on_send(full, std::move(mine), nothing), after(soon, nothing)), 1u);
  ASSERT_TRUE(mine);
  EXPECT_EQ(
      select(on_send(full, std::move(mine), nothing), on_send(free, std::move(other), nothing)),
      1u);
  EXPECT_TRUE(mine);
  EXPECT_FALSE(other);
  EXPECT_EQ(**free.receive(), 2);
}

TEST(Select, MakesAValueOfWhatIsNotOne) {
  channel<std::string> c(2);
  std::string const kept = "kept";
  select(on_send(c, "made", nothing));
  select(on_send(c, kept, nothing));
  EXPECT_EQ(c.receive(), "made");
  EXPECT_EQ(c.receive(), kept);
}

TEST(Select, AClosedChannelIsAlwaysReady) {
  channel<int> c(1);
  c.send(1);
  c.close();
  std::optional<int> got;
  EXPECT_EQ(select(on_receive(c, [&](auto v) { got = v; }), otherwise(nothing)), 0u);
  EXPECT_EQ(got, 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(select(on_receive(c, [&](auto v) { got = v; }), otherwise(nothing)), 0u);
    EXPECT_EQ(got, std::nullopt);
  }
  auto value = std::string("kept");
  channel<std::string> closed(1);
  closed.close();
  bool ran = false;
  EXPECT_THROW(select(on_send(closed, std::move(value), [&] { ran = true; }), otherwise(nothing)),
               ramie::channel_closed);
  EXPECT_FALSE(ran);
  EXPECT_EQ(value, "kept");
}

TEST(Select, CloseWakesBothDirections) {
  ramie::test::on_one_worker([] {
    channel<int> c(0);
    channel<int> idle(0);
    auto receiver = spawn([&] {
      bool closed = false;
      select(on_receive(idle, ignore), on_receive(c, [&](auto v) { closed = !v; }));
      return closed;
    });
    settle();
    c.close();
    EXPECT_TRUE(receiver.join());
    channel<int> d(0);
    auto sender = spawn([&] { select(on_receive(idle, ignore), on_send(d, 1, nothing)); });
    settle();
    d.close();
    EXPECT_THROW(sender.join(), ramie::channel_closed);
  });
}

TEST(Select, DisabledCasesAreNeverReady) {
  channel<int> c(1);
  c.send(1);
  EXPECT_EQ(select(when(false, on_receive(c, ignore)), when(true, otherwise(nothing))), 1u);
  EXPECT_EQ(select(when(true, on_receive(c, ignore)), when(false, otherwise(nothing))), 0u);
  EXPECT_EQ(select(when(false, after(-forever, nothing)), after(soon, nothing)), 1u);
  ramie::test::on_one_worker([&c] {
    auto hopeless =
        spawn([&] { select(when(false, on_receive(c, ignore)), when(false, otherwise(nothing))); });
    settle();
    c.send(1);
    settle();
    EXPECT_FALSE(hopeless.done());
    hopeless.cancel();
    EXPECT_THROW(hopeless.join(), ramie::cancelled);
  });
}

TEST(Select, OneChannelInSeveralCases) {
  ramie::test::on_one_worker([] {
    channel<int> c(0);
    auto receiver = spawn([&] {
      int got = 0;
      for (int i = 0; i < 4; ++i) {
        auto const add = [&](auto v) { got += *v; };
        select(on_receive(c, add), on_receive(c, add), on_receive(c, add));
      }
      return got;
    });
    for (int i = 1; i <= 4; ++i) {
      settle();
      c.send(i);
    }
    EXPECT_EQ(receiver.join(), 10);
    EXPECT_EQ(select(on_send(c, 1, nothing), on_receive(c, ignore), otherwise(nothing)), 2u)
        << "a select is not its own partner";
    EXPECT_EQ(select(on_send(c, 1, nothing), on_receive(c, ignore), after(soon, nothing)), 2u);
  });
}

TEST(Select, EitherEndOfAChannelMayBeASelect) {
  ramie::test::on_one_worker([] {
    channel<int> a(0);
    channel<int> b(0);
    std::size_t first = 9;
    auto one = spawn([&] { first = select(on_receive(a, ignore), on_send(b, 2, nothing)); });
    settle();
    int got = 0;
    std::size_t const second =
        select(on_send(a, 1, nothing), on_receive(b, [&](auto v) { got = *v; }));
    one.join();
    EXPECT_EQ(first, second) << "one channel, both ends";
    EXPECT_EQ(got, second == 0 ? 0 : 2);
  });
}

TEST(Select, BothKindsOfEvent) {
  ramie::event manual;
  ramie::auto_reset_event once;
  auto const look = [&] {
    return select(on_event(manual, nothing), on_event(once, nothing), otherwise(nothing));
  };
  EXPECT_EQ(look(), 2u);
  once.set();
  EXPECT_EQ(look(), 1u);
  EXPECT_EQ(look(), 2u);
  manual.set();
  EXPECT_EQ(look(), 0u);
  EXPECT_EQ(look(), 0u);
}

TEST(Select, AnEventThatIsResetAtOnceHasStillWokenIt) {
  ramie::test::on_one_worker([] {
    ramie::event manual;
    ramie::auto_reset_event once;
    auto selecting = spawn([&] {
      return select(on_event(once, nothing), on_event(manual, nothing), on_event(manual, nothing));
    });
    settle();
    manual.set();
    manual.reset();
    EXPECT_NE(selecting.join(), 0u);
    auto taking = spawn([&] { return select(on_event(manual, nothing), on_event(once, nothing)); });
    settle();
    once.set();
    EXPECT_EQ(taking.join(), 1u);
    EXPECT_FALSE(once.wait_for(-forever)) << "the select has taken it";
  });
}

TEST(Select, AHandlerMayWaitSelectAndThrow) {
  ramie::test::on_one_worker([] {
    channel<int> a(1);
    channel<int> b(0);
    a.send(1);
    auto partner = spawn([&] { b.send(2); });
    int got = 0;
    select(on_receive(a, [&](auto v) {
      a.send(*v);  // No lock is held.
      select(on_receive(b, [&](auto w) { got = *w; }));
    }));
    EXPECT_EQ(got, 2);
    EXPECT_THROW(select(on_receive(a, [](auto) { throw std::runtime_error("handler"); })),
                 std::runtime_error);
    EXPECT_EQ(a.try_receive().status, ramie::channel_status::empty) << "it was committed";
    a.send(3);
    EXPECT_EQ(select(on_receive(a, ignore)), 0u);
  });
}

TEST(Select, CancellationTakesNothing) {
  ramie::test::on_one_worker([] {
    channel<int> in(0);
    channel<std::string> out(0);
    std::string value = "kept";
    ramie::auto_reset_event e;
    auto selecting = spawn([&] {
      select(on_receive(in, ignore), on_send(out, std::move(value), nothing), on_event(e, nothing));
    });
    settle();
    selecting.cancel();
    EXPECT_THROW(selecting.join(), ramie::cancelled);
    EXPECT_EQ(value, "kept");
    EXPECT_EQ(in.try_send(1), ramie::channel_status::full);
    EXPECT_EQ(out.try_receive().status, ramie::channel_status::empty);
    e.set();
    EXPECT_TRUE(e.wait_for(-forever));
  });
}

TEST(Select, CompletionWinsOverCancellation) {
  ramie::test::on_one_worker([] {
    channel<int> in(0);
    auto selecting = spawn([&] {
      int got = 0;
      select(on_receive(in, [&](auto v) { got = *v; }));
      return got;
    });
    settle();
    in.send(4);
    selecting.cancel();
    EXPECT_EQ(selecting.join(), 4);
  });
}

TEST(Select, WhatIsReadyIsTakenByACancelledFiberToo) {
  ramie::test::on_one_worker([] {
    channel<int> in(1);
    auto selecting = spawn([&] {
      ramie::this_fiber::yield();
      std::size_t const first = select(on_receive(in, ignore), on_receive(in, ignore));
      EXPECT_LT(first, 2u);
      EXPECT_EQ(select(on_receive(in, ignore), otherwise(nothing)), 1u);
      select(on_receive(in, ignore));
    });
    settle();
    in.send(4);
    selecting.cancel();
    EXPECT_THROW(selecting.join(), ramie::cancelled);
  });
}

TEST(Select, ObeysTheDeadlinesAroundIt) {
  channel<int> c(0);
  auto const bounded = [&] {
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(select(on_receive(c, ignore), after(forever, nothing)), ramie::timed_out);
    EXPECT_TRUE(limit.expired());
    EXPECT_EQ(select(on_receive(c, ignore), otherwise(nothing)), 1u);
  };
  bounded();
  ramie::test::on_one_worker(bounded);
}

TEST(Select, AnUnboundedChannelTakesEverything) {
  unbounded_channel<std::string> c;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(select(on_send(c, std::to_string(i), nothing), otherwise(nothing)), 0u);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(select(on_receive(c, [&](auto v) { EXPECT_EQ(v, std::to_string(i)); })), 0u);
  }
  EXPECT_EQ(select(on_receive(c, ignore), otherwise(nothing)), 1u);
}

TEST(Select, CasesCanBeKeptAndUsedAgain) {
  channel<int> c(2);
  int sum = 0;
  auto receive = on_receive(c, [&](auto v) { sum += v ? *v : 100; });
  auto send = on_send(c, 5, nothing);
  select(send);
  c.send(6);
  c.close();
  for (int i = 0; i < 3; ++i) select(receive);
  EXPECT_EQ(sum, 111);
}

/// Throws when it is moved, once armed.
struct touchy {
  touchy(int v, bool* armed_here) : value(v), armed(armed_here) {}
  touchy(touchy&& other) : value(other.value), armed(other.armed) {
    if (std::exchange(*armed, false)) throw std::runtime_error("touchy");
    other.value = -1;
  }
  int value;
  bool* armed;
};

TEST(Select, AMoveThatThrowsInItThrowsOutOfItAndLosesNothing) {
  ramie::test::on_one_worker([] {
    bool armed = false;
    channel<touchy> c(0);
    channel<touchy> other(0);
    auto sender = spawn([&] {
      touchy mine(7, &armed);
      return select(on_receive(other, ignore), on_send(c, std::move(mine), nothing));
    });
    settle();
    armed = true;
    EXPECT_THROW(select(on_receive(c, ignore)), std::runtime_error);
    settle();
    EXPECT_FALSE(sender.done()) << "it goes on waiting";
    int got = 0;
    EXPECT_EQ(
        select(on_receive(other, ignore), on_receive(c, [&](auto v) { got = v.value().value; })),
        1u);
    EXPECT_EQ(got, 7);
    EXPECT_EQ(sender.join(), 1u);
  });
}

TEST(Select, AHandlerThatTakesAReferenceGetsWhatCameUnmoved) {
  ramie::test::on_one_worker([] {
    bool armed = false;
    int got = 0;
    channel<touchy> c(0);
    auto selecting = spawn(
        [&] { select(on_receive(c, [&](std::optional<touchy>&& v) { got = v.value().value; })); });
    settle();
    c.send(touchy(7, &armed));  // It is with the select now, which has not gone on yet.
    armed = true;
    selecting.join();
    EXPECT_EQ(got, 7);
  });
}

TEST(Select, AHandlerThatThrowsLeavesNothingInItsCase) {
  channel<int> c(1);
  std::optional<int> got = 0;
  auto receive = on_receive(c, [&](std::optional<int> const& v) {
    if (v) throw std::runtime_error("handler");
    got = v;
  });
  c.send(1);
  c.close();
  EXPECT_THROW(select(receive), std::runtime_error);
  select(receive);
  EXPECT_EQ(got, std::nullopt);
}

template <class... Args>
concept can_select = requires(Args&&... args) {
  ramie::select(std::forward<Args>(args)...);
};

TEST(Select, IsForCasesOnly) {
  static_assert(!can_select<int, fd_set*, fd_set*, fd_set*, timeval*>);
  static_assert(!can_select<int, std::nullptr_t, std::nullptr_t, std::nullptr_t, timeval*>);
  static_assert(!can_select<>);
  using fallback = decltype(otherwise(nothing));
  static_assert(can_select<fallback>);
  static_assert(!can_select<fallback, fallback>, "at most one");
  using namespace ramie;
  timeval none{};
  EXPECT_EQ(select(0, nullptr, nullptr, nullptr, &none), 0) << "POSIX's";
}

}  // namespace
