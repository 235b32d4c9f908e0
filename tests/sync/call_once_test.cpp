#include <ramie/sync/call_once.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <ramie/sched/deadline_scope.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::call_once;
using ramie::once_flag;
using ramie::spawn;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(CallOnceStress);

TEST(CallOnce, TheFirstCallIsMadeAndTheOthersWaitForIt) {
  ramie::test::on_one_worker([] {
    once_flag flag;
    int made = 0;
    int returned = 0;
    bool go = false;
    std::vector<ramie::join_handle<void>> callers;
    for (int i = 0; i < 3; ++i) {
      callers.push_back(spawn([&] {
        call_once(flag, [&] {
          while (!go) ramie::this_fiber::yield();
          ++made;
        });
        EXPECT_EQ(made, 1);
        ++returned;
      }));
    }
    settle();
    EXPECT_EQ(returned, 0);
    go = true;
    for (auto& each : callers) each.join();
    call_once(flag, [&] { ++made; });
    EXPECT_EQ(made, 1);
  });
}

TEST(CallOnce, ACallThatThrowsLeavesItsTurnToAnother) {
  ramie::test::on_one_worker([] {
    once_flag flag;
    int tried = 0;
    bool go = false;
    auto const attempt = [&](bool fails) {
      auto made = spawn([&, fails] {
        call_once(flag, [&, fails] {
          ++tried;
          while (!go) ramie::this_fiber::yield();
          if (fails) throw std::runtime_error("not yet");
        });
      });
      settle();
      return made;
    };
    auto first = attempt(true);
    auto second = attempt(true);
    auto third = attempt(false);
    go = true;
    EXPECT_THROW(first.join(), std::runtime_error);
    EXPECT_THROW(second.join(), std::runtime_error);
    third.join();
    EXPECT_EQ(tried, 3);
    attempt(true).join();
    EXPECT_EQ(tried, 3);
  });
}

TEST(CallOnce, OnlyTheCallItselfIsInterrupted) {
  ramie::test::on_one_worker([] {
    once_flag flag;
    bool returned = false;
    auto caller =
        spawn([&] { call_once(flag, [] { ramie::this_fiber::sleep_for(ramie::test::forever); }); });
    settle();
    auto waiter = spawn([&] {
      ramie::deadline_scope const over(-soon);
      call_once(flag, [] {});
      returned = true;
    });
    settle();
    waiter.cancel();
    settle();
    EXPECT_FALSE(returned);
    caller.cancel();
    EXPECT_THROW(caller.join(), ramie::cancelled);
    settle();
    EXPECT_TRUE(returned);
  });
}

TEST_P(CallOnceStress, TheCallIsVisibleToAll) {
  run_it([] {
    for (int round = 0; round < 200; ++round) {
      once_flag flag;
      int made = 0;
      ramie::test::fibers_and_threads(8, [&](int who) {
        try {
          call_once(flag, [&] {
            if (who % 3 == 0) ramie::this_fiber::yield();
            if (who % 4 == 1) throw std::runtime_error("not I");
            ++made;
          });
        } catch (std::runtime_error const&) {
          return;
        }
        EXPECT_EQ(made, 1);
      });
      ASSERT_EQ(made, 1);
    }
  });
}

TEST(CallOnceStress, TheCallerIsDoneWithTheFlagWhenAnotherReturns) {
  struct flag_and_call {
    once_flag flag;
    std::atomic<bool> called{false};
  };
  ramie::test::destroy_while_the_waker_leaves(
      +[] { return std::make_shared<flag_and_call>(); },
      [](flag_and_call& it) { call_once(it.flag, [&it] { it.called.store(true); }); },
      [](flag_and_call& it) {
        while (!it.called.load()) std::this_thread::yield();
        call_once(it.flag, [] { ADD_FAILURE(); });
      });
}

}  // namespace
