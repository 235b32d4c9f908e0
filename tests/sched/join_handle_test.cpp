#include <ramie/sched/join_handle.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <ramie/sched/runtime.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/workers.hpp"

namespace ramie {
namespace {

using namespace std::chrono_literals;

class JoinHandle : public testing::TestWithParam<unsigned> {
 protected:
  runtime runtime_{runtime_options{.workers = GetParam()}};
};

INSTANTIATE_TEST_SUITE_P(Workers, JoinHandle, testing::ValuesIn(test::worker_counts()));

TEST_P(JoinHandle, ReturnsValuesReferencesAndNothing) {
  int target = 0;
  EXPECT_EQ(runtime_.spawn([](int a, int b) { return a + b; }, 20, 22).join(), 42);
  EXPECT_EQ(&runtime_.spawn([&]() -> int& { return target; }).join(), &target);
  runtime_.spawn([&] { target = 7; }).join();
  EXPECT_EQ(target, 7);
  EXPECT_EQ(*runtime_.spawn([] { return std::make_unique<int>(5); }).join(), 5);
}

TEST_P(JoinHandle, TakesMoveOnlyMutableAndLargeCallables) {
  auto owned = std::make_unique<int>(3);
  EXPECT_EQ(runtime_.spawn([p = std::move(owned), n = 0]() mutable { return ++n + *p; }).join(), 4);
  std::array<char, 5000> big{};
  big[4999] = 9;
  EXPECT_EQ(runtime_.spawn([big] { return static_cast<int>(big[4999]); }).join(), 9);
  struct alignas(64) aligned {
    int value = 6;
  };
  EXPECT_EQ(runtime_
                .spawn([a = aligned{}] {
                  return reinterpret_cast<std::uintptr_t>(&a) % 64 == 0 ? a.value : -1;
                })
                .join(),
            6);
}

TEST_P(JoinHandle, CopiesArgumentsLikeStdThread) {
  std::string text = "before";
  auto handle = runtime_.spawn([](std::string const& given) { return given; }, text);
  text = "after";
  EXPECT_EQ(handle.join(), "before");
  runtime_.spawn([](std::string& given) { given = "through"; }, std::ref(text)).join();
  EXPECT_EQ(text, "through");
}

TEST_P(JoinHandle, RethrowsWhatTheFiberThrew) {
  auto handle = runtime_.spawn([]() -> int { throw std::runtime_error("mine"); });
  try {
    handle.join();
    FAIL();
  } catch (std::runtime_error const& error) {
    EXPECT_STREQ(error.what(), "mine");
  }
  EXPECT_FALSE(handle.valid());
}

TEST_P(JoinHandle, IsEmptyAfterJoinDetachAndMove) {
  auto handle = runtime_.spawn([] { return 1; });
  auto moved = std::move(handle);
  EXPECT_FALSE(handle.valid());  // NOLINT: that is what is tested
  EXPECT_EQ(moved.join(), 1);
  for (auto* empty : {&handle, &moved}) {
    EXPECT_THROW(empty->join(), std::future_error);
    EXPECT_THROW(empty->detach(), std::future_error);
    EXPECT_THROW(empty->cancel(), std::future_error);
    EXPECT_THROW((void)empty->done(), std::future_error);
    EXPECT_THROW(empty->wait_for(0s), std::future_error);
    EXPECT_EQ(empty->id(), 0U);
  }
}

TEST_P(JoinHandle, RefusesToJoinItself) {
  std::errc code{};
  join_handle<void> handle;
  std::atomic<bool> stored{false};
  handle = runtime_.spawn([&] {
    while (!stored.load()) this_fiber::yield();
    try {
      handle.join();
    } catch (std::system_error const& error) {
      code = static_cast<std::errc>(error.code().value());
    }
  });
  stored = true;
  // The fiber uses the handle meanwhile; done() only reads.
  while (!handle.done()) std::this_thread::yield();
  handle.join();
  EXPECT_EQ(code, std::errc::resource_deadlock_would_occur);
}

TEST_P(JoinHandle, WaitsWithATimeLimit) {
  std::atomic<bool> go{false};
  auto handle = runtime_.spawn([&] {
    while (!go.load()) this_fiber::yield();
  });
  EXPECT_EQ(handle.wait_for(-1s), std::future_status::timeout);
  EXPECT_EQ(handle.wait_for(1ms), std::future_status::timeout);
  EXPECT_EQ(handle.wait_until(std::chrono::system_clock::now() + 1ms), std::future_status::timeout);
  go = true;
  EXPECT_EQ(handle.wait_for(std::chrono::hours::max()), std::future_status::ready);
  EXPECT_TRUE(handle.done());
  handle.join();
}

TEST_P(JoinHandle, CancelsAndWaitsWhenDestroyed) {
  bool unwound = false;
  {
    std::atomic<bool> begun{false};
    auto handle = runtime_.spawn([&] {
      struct tells {
        bool& told;
        ~tells() { told = true; }
      } const at_end{unwound};
      begun = true;
      this_fiber::sleep_for(std::chrono::hours(1));
    });
    while (!begun.load()) std::this_thread::yield();
  }
  EXPECT_TRUE(unwound);
}

TEST_P(JoinHandle, CancelsWhatItHeldWhenAssignedOver) {
  std::atomic<int> ended{0};
  auto sleeper = [&] {
    struct counts {
      std::atomic<int>& ended;
      ~counts() { ++ended; }
    } const at_end{ended};
    this_fiber::sleep_for(std::chrono::hours(1));
  };
  std::atomic<bool> begun{false};
  auto handle = runtime_.spawn([&] {
    begun = true;
    sleeper();
  });
  while (!begun.load()) std::this_thread::yield();
  handle = runtime_.spawn([] {});
  EXPECT_EQ(ended, 1);
  handle.join();
}

TEST_P(JoinHandle, ThrowsCancelledForACancelledFiber) {
  std::atomic<bool> begun{false};
  auto handle = runtime_.spawn([&] {
    begun = true;
    this_fiber::sleep_for(std::chrono::hours(1));
  });
  while (!begun.load()) std::this_thread::yield();
  handle.cancel();
  EXPECT_THROW(handle.join(), cancelled);
}

TEST_P(JoinHandle, AFiberThatCancelsItselfEndsAtItsNextWait) {
  join_handle<void> handle;
  std::atomic<bool> stored{false};
  bool went_on = false;
  handle = runtime_.spawn([&] {
    while (!stored.load()) this_fiber::yield();
    handle.cancel();
    went_on = true;
    this_fiber::sleep_for(std::chrono::hours(1));
  });
  stored = true;
  // The fiber uses the handle meanwhile; done() only reads.
  while (!handle.done()) std::this_thread::yield();
  EXPECT_THROW(handle.join(), cancelled);
  EXPECT_TRUE(went_on);
}

TEST_P(JoinHandle, CancellingAFiberThatHasEndedDoesNothing) {
  join_handle<int> outlives;
  {
    runtime short_lived(runtime_options{.workers = GetParam()});
    outlives = short_lived.spawn([] { return 5; });
    auto failed = short_lived.spawn([] { throw std::runtime_error("its own"); });
    while (!outlives.done() || !failed.done()) std::this_thread::yield();
    outlives.cancel();
    failed.cancel();
    EXPECT_THROW(failed.join(), std::runtime_error);
  }
  outlives.cancel();
  EXPECT_EQ(outlives.join(), 5);
}

TEST_P(JoinHandle, CancelsAFiberOfAnotherRuntime) {
  runtime other(runtime_options{.workers = GetParam()});
  for (int i = 0; i < 100; ++i) {
    std::atomic<bool> begun{false};
    auto sleeper = other.spawn([&] {
      begun = true;
      this_fiber::sleep_for(std::chrono::hours(1));
    });
    runtime_.run([&] {
      // Half of them before they have begun, perhaps.
      while (i % 2 == 0 && !begun.load()) this_fiber::yield();
      sleeper.cancel();
      EXPECT_THROW(sleeper.join(), cancelled);
    });
  }
}

TEST_P(JoinHandle, NeverRunsAFiberThatWasCancelledFirst) {
  bool ran = false;
  runtime_.run([&] {
    auto pin = this_fiber::pin();
    auto shared = std::make_shared<int>(1);
    // Only with one worker is it sure that the fiber has not begun.
    auto handle = spawn([&ran, shared] { ran = true; });
    handle.cancel();
    if (GetParam() == 1) {
      EXPECT_THROW(handle.join(), cancelled);
      EXPECT_FALSE(ran);
      EXPECT_EQ(shared.use_count(), 1);
    }
  });
}

TEST_P(JoinHandle, KeepsTheFiberWhenTheJoinerIsCancelled) {
  std::atomic<bool> go{false};
  auto inner = runtime_.spawn([&] {
    while (!go.load()) this_fiber::yield();
    return 5;
  });
  std::atomic<bool> joining{false};
  auto joiner = runtime_.spawn([&] {
    joining = true;
    inner.join();
  });
  while (!joining.load()) std::this_thread::yield();
  joiner.cancel();
  EXPECT_THROW(joiner.join(), cancelled);
  ASSERT_TRUE(inner.valid());
  go = true;
  EXPECT_EQ(inner.join(), 5);
}

TEST_P(JoinHandle, OutlivesItsRuntime) {
  join_handle<std::string> handle;
  {
    runtime short_lived(runtime_options{.workers = GetParam()});
    handle = short_lived.spawn([] { return std::string("still here"); });
    while (!handle.done()) std::this_thread::yield();
  }
  EXPECT_EQ(handle.join(), "still here");
}

TEST(JoinHandleAlone, DetachedFromAFailedFiberOfAnEndedRuntimeStillTellsTheHandler) {
  int told = 0;
  join_handle<void> handle;
  {
    runtime ended(
        {.workers = 1, .on_unhandled_exception = [&](unhandled_exception const&) { ++told; }});
    handle = ended.spawn([] { throw 1; });
    while (!handle.done()) std::this_thread::yield();
  }
  handle.detach();
  EXPECT_EQ(told, 1);
}

TEST_P(JoinHandle, IsJoinedFromFibersAndThreadsAlike) {
  runtime_.run([] {
    int sum = 0;
    std::vector<join_handle<int>> all;
    for (int i = 0; i < 1000; ++i) all.push_back(spawn([i] { return i; }));
    for (auto& each : all) sum += each.join();
    EXPECT_EQ(sum, 499500);
  });
  std::vector<join_handle<int>> all;
  for (int i = 0; i < 1000; ++i) all.push_back(runtime_.spawn([i] { return i; }));
  int sum = 0;
  for (auto& each : all) sum += each.join();
  EXPECT_EQ(sum, 499500);
}

}  // namespace
}  // namespace ramie
