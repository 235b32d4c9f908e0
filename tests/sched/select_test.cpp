#include <ramie/sched/select.hpp>

#include <array>
#include <cstdint>
#include <future>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "support/fibers.hpp"

namespace {

using ramie::after;
using ramie::join_handle;
using ramie::on_join;
using ramie::otherwise;
using ramie::select;
using ramie::spawn;
using ramie::when;
using ramie::test::forever;
using ramie::test::nothing;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(SelectJoinStress);

TEST(SelectJoin, TakesTheFiberThatHasEndedAndItsResult) {
  ramie::test::on_one_worker([] {
    auto never = spawn([] { ramie::this_fiber::sleep_for(forever); });
    auto soon_done = spawn([] { return std::string("result"); });
    std::string got;
    EXPECT_EQ(select(on_join(never, nothing), on_join(soon_done, [&](std::string s) { got = s; })),
              1u);
    EXPECT_EQ(got, "result");
    EXPECT_FALSE(soon_done.valid());
    EXPECT_TRUE(never.valid());
  });
}

TEST(SelectJoin, AHandlerWithoutArgumentsLeavesTheJoinToItsUser) {
  ramie::test::on_one_worker([] {
    auto fiber = spawn([] { return 7; });
    int got = 0;
    select(on_join(fiber, [&] { got = fiber.join(); }));
    EXPECT_EQ(got, 7);
    auto other = spawn([] {});
    select(on_join(other, nothing));
    EXPECT_TRUE(other.done());
    other.join();
  });
}

TEST(SelectJoin, ThrowsWhatTheFiberThrewInsteadOfCallingForItsResult) {
  ramie::test::on_one_worker([] {
    auto fails = spawn([]() -> int { throw std::runtime_error("fiber"); });
    bool called = false;
    EXPECT_THROW(select(on_join(fails, [&](int) { called = true; })), std::runtime_error);
    EXPECT_FALSE(called);
    EXPECT_FALSE(fails.valid());
  });
}

TEST(SelectJoin, RefusesWhatJoinRefuses) {
  join_handle<int> empty;
  EXPECT_THROW(select(on_join(empty, nothing), after(forever, nothing)), std::future_error);
  EXPECT_EQ(select(when(false, on_join(empty, nothing)), otherwise(nothing)), 1u);
  ramie::test::on_one_worker([] {
    join_handle<void> self;
    self = spawn([&] {
      EXPECT_EQ(ramie::test::code_of([&] { select(on_join(self, nothing)); }),
                std::errc::resource_deadlock_would_occur);
    });
    self.join();
  });
}

TEST(SelectJoin, OneHandleInSeveralCases) {
  ramie::test::on_one_worker([] {
    auto fiber = spawn([] { ramie::this_fiber::yield(); });
    auto other = spawn([] { ramie::this_fiber::sleep_for(forever); });
    std::size_t const which =
        select(on_join(fiber, nothing), on_join(other, nothing), on_join(fiber, nothing));
    EXPECT_NE(which, 1u);
  });
}

TEST(SelectJoin, LosingLeavesTheHandleAsItWas) {
  ramie::test::on_one_worker([] {
    auto fiber = spawn([] {
      ramie::this_fiber::sleep_for(10 * soon);
      return 3;
    });
    EXPECT_EQ(select(on_join(fiber, nothing), after(soon, nothing)), 1u);
    auto selecting = spawn([&] { select(on_join(fiber, nothing)); });
    settle();
    selecting.cancel();
    EXPECT_THROW(selecting.join(), ramie::cancelled);
    {
      ramie::deadline_scope const limit(soon);
      EXPECT_THROW(select(on_join(fiber, nothing)), ramie::timed_out);
    }
    EXPECT_EQ(fiber.join(), 3);
  });
}

TEST(SelectJoin, PlainThreadsWaitToo) {
  ramie::runtime runtime({.workers = 1});
  auto fiber = runtime.spawn([] {
    ramie::this_fiber::sleep_for(soon);
    return 3;
  });
  int got = 0;
  EXPECT_EQ(select(after(forever, nothing), on_join(fiber, [&](int v) { got = v; })), 1u);
  EXPECT_EQ(got, 3);
}

// A thread has no result: its end is seen, and it is joined by whoever owns it.
TEST(SelectJoin, ThreadsThatHaveEndedAreStillToBeJoined) {
  ramie::test::on_one_worker([] {
    ramie::thread never([] { ramie::this_fiber::sleep_for(forever); });
    ramie::thread ends([] {});
    ramie::jthread stops([](std::stop_token stop) {
      while (!stop.stop_requested()) ramie::this_fiber::yield();
    });
    EXPECT_EQ(select(on_join(never, nothing), on_join(ends, [&] { ends.join(); })), 1u);
    EXPECT_FALSE(ends.joinable());
    EXPECT_EQ(select(on_join(stops, nothing), otherwise(nothing)), 1u);
    stops.request_stop();
    EXPECT_EQ(select(on_join(never, nothing), on_join(stops, nothing)), 1u);
    EXPECT_TRUE(stops.joinable());
    auto selecting = spawn([&] { select(on_join(never, nothing)); });
    settle();
    selecting.cancel();
    EXPECT_THROW(selecting.join(), ramie::cancelled);
    never.cancel();
    EXPECT_EQ(select(on_join(never, nothing), after(forever, nothing)), 0u);
    never.join();
  });
}

TEST(SelectJoin, RefusesThreadsAsTheirJoinDoes) {
  ramie::thread none;
  ramie::jthread no_other;
  using ramie::test::code_of;
  EXPECT_EQ(code_of([&] { select(on_join(none, nothing)); }), std::errc::invalid_argument);
  EXPECT_EQ(code_of([&] { select(on_join(no_other, nothing)); }), std::errc::invalid_argument);
  EXPECT_EQ(select(when(false, on_join(none, nothing)), otherwise(nothing)), 1u);
  ramie::test::on_one_worker([] {
    ramie::thread self;
    self = ramie::thread([&] {
      EXPECT_EQ(code_of([&] { select(on_join(self, nothing)); }),
                std::errc::resource_deadlock_would_occur);
    });
    self.join();
  });
}

TEST(Select, TimesThatHaveComeAreReadyAsOthersAre) {
  std::array<int, 3> times{};
  for (int i = 0; i < 3'000; ++i) {
    ++times[select(after(-forever, nothing), after(forever, nothing), after(-forever, nothing))];
  }
  EXPECT_GT(times[0], 1'000);
  EXPECT_EQ(times[1], 0);
  EXPECT_GT(times[2], 1'000);
}

TEST(Select, TheSeedDeterminesThePicks) {
  auto const picks = [](std::uint64_t seed) {
    return ramie::run({.workers = 1, .seed = seed}, [] {
      std::string all;
      for (int i = 0; i < 100; ++i) {
        std::size_t const which = select(after(-forever, nothing), after(-forever, nothing));
        all += which == 0 ? '0' : '1';
      }
      return all;
    });
  };
  EXPECT_EQ(picks(1), picks(1));
  EXPECT_NE(picks(1), picks(2));
}

TEST_P(SelectJoinStress, EveryEndIsSeenOnce) {
  run_it([] {
    for (int round = 0; round < 300; ++round) {
      ramie::test::fibers_and_threads(4, [round](int who) {
        // Some end before the look, some between the look and the park, some afterwards.
        auto a = spawn([=] { ramie::test::pause_for((round + who) % 50); });
        auto b = spawn([=] { ramie::test::pause_for(round * who % 50); });
        int joined = 0;
        while (a.valid() || b.valid()) {
          select(when(a.valid(), on_join(a, [&] { a.join(); })),
                 when(b.valid(), on_join(b, [&] { b.join(); })));
          ++joined;
        }
        EXPECT_EQ(joined, 2);
      });
    }
  });
}

}  // namespace
