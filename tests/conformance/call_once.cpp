#include <atomic>
#include <concepts>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sut.hpp"

namespace {

using sut::call_once;
using sut::once_flag;

static_assert(conformance::stays_where_it_is<once_flag>);
static_assert(std::is_nothrow_default_constructible_v<once_flag>);
static_assert(requires(once_flag flag) {
  {
    call_once(
        flag, [](int) { return 1; }, 2)
    } -> std::same_as<void>;
});

constinit once_flag flag_made_at_compile_time;

struct sum {
  int count = 0;
  void add(int n) { count += n; }
};

CONFORMANCE_TEST(CallOnce, InvokesWhatIsInvocable) {
  call_once(flag_made_at_compile_time, [] {});
  once_flag flag;
  sum made;
  call_once(flag, &sum::add, &made, 2);
  call_once(flag, &sum::add, &made, 3);
  EXPECT_EQ(made.count, 2);
  once_flag other;
  call_once(
      other, [&made](std::unique_ptr<int> n) { made.add(*n); }, std::make_unique<int>(5));
  EXPECT_EQ(made.count, 7);
}

CONFORMANCE_TEST(CallOnce, PassesExceptionsOnAndMayBeTriedAgain) {
  once_flag flag;
  int tried = 0;
  auto const attempt = [&tried](bool fails) {
    ++tried;
    if (fails) throw std::runtime_error("not yet");
  };
  EXPECT_THROW(call_once(flag, attempt, true), std::runtime_error);
  EXPECT_THROW(call_once(flag, attempt, true), std::runtime_error);
  call_once(flag, attempt, false);
  call_once(flag, attempt, true);
  EXPECT_EQ(tried, 3);
}

CONFORMANCE_TEST(CallOnce, LeavesTheArgumentsOfCallsThatAreNotMade) {
  once_flag flag;
  auto const take = [](std::unique_ptr<int> n) { EXPECT_EQ(*n, 1); };
  call_once(flag, take, std::make_unique<int>(1));
  auto kept = std::make_unique<int>(2);
  call_once(flag, take, std::move(kept));
  EXPECT_NE(kept, nullptr);
}

CONFORMANCE_TEST(CallOnce, AFailedCallLeavesItsTurnToOneWhoWaits) {
  for (int round = 0; round < 50; ++round) {
    once_flag flag;
    std::atomic<int> failed{0};
    std::atomic<int> made{0};
    std::vector<sut::thread> callers;
    for (int i = 0; i < 4; ++i) {
      callers.emplace_back([&] {
        try {
          call_once(flag, [&] {
            sut::this_thread::yield();
            if (failed.load() < 2) throw std::runtime_error("not yet");
            ++made;
          });
          EXPECT_EQ(made.load(), 1);
        } catch (std::runtime_error const&) {
          ++failed;
        }
      });
    }
    for (auto& each : callers) each.join();
    EXPECT_GE(failed.load(), 2);
    EXPECT_LE(made.load(), 1);
  }
}

CONFORMANCE_TEST(CallOnce, OthersReturnAfterTheCall) {
  for (int round = 0; round < 50; ++round) {
    once_flag flag;
    int made = 0;
    std::vector<sut::thread> callers;
    for (int i = 0; i < 4; ++i) {
      callers.emplace_back([&] {
        call_once(flag, [&made] {
          sut::this_thread::yield();
          ++made;
        });
        EXPECT_EQ(made, 1);
      });
    }
    for (auto& each : callers) each.join();
  }
}

}  // namespace
