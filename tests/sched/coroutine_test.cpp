#include <ramie/sched/coroutine.hpp>

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "support/fibers.hpp"

namespace {

using ramie::await;
using ramie::on_fiber;
using ramie::spawn;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;

RAMIE_TEST_WITH_WORKERS(CoroutineStress);

/// As every library has one: begun when it is awaited.
template <class T>
class task {
 public:
  struct promise_type {
    task get_return_object() {
      return task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() { return {}; }
    auto final_suspend() noexcept {
      struct hand_over {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) noexcept {
          return done.promise().next;
        }
        void await_resume() noexcept {}
      };
      return hand_over{};
    }
    void return_value(T given) { value = std::move(given); }
    void unhandled_exception() { error = std::current_exception(); }

    std::optional<T> value{};
    std::exception_ptr error{};
    std::coroutine_handle<> next{};
  };

  explicit task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  task& operator=(task&&) = delete;
  ~task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> next) {
    frame_.promise().next = next;
    return frame_;
  }
  T await_resume() {
    if (frame_.promise().error) std::rethrow_exception(frame_.promise().error);
    return std::move(*frame_.promise().value);
  }

 private:
  std::coroutine_handle<promise_type> frame_;
};

/// Goes on on a thread of its own.
struct on_new_thread {
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    std::thread([waiting] { waiting.resume(); }).detach();
  }
  void await_resume() {}
};

task<int> seven() {
  co_return 7;
}

task<int> sum(int count) {
  int total = 0;
  for (int i = 0; i < count; ++i) total += co_await seven();
  co_return total;
}

task<std::unique_ptr<int>> from_elsewhere(int value) {
  co_await on_new_thread();
  co_return std::make_unique<int>(value);
}

task<int> failing(bool elsewhere) {
  if (elsewhere) co_await on_new_thread();
  throw std::runtime_error("failed");
}

TEST(Coroutine, AFiberAwaitsOne) {
  on_fiber_and_thread([] {
    EXPECT_EQ(await(seven()), 7);
    EXPECT_EQ(await(sum(3)), 21);
    EXPECT_EQ(*await(from_elsewhere(5)), 5);
    task<int> named = sum(2);
    EXPECT_EQ(await(named), 14);
    await(std::suspend_never());
    await(on_new_thread());
    EXPECT_THROW(await(failing(false)), std::runtime_error);
    EXPECT_THROW(await(failing(true)), std::runtime_error);
  });
}

struct by_operator {
  task<int> operator co_await() && { return seven(); }
};

struct by_reference {
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  int& await_resume() { return value; }
  int value = 3;
};

TEST(Coroutine, WhateverCanBeAwaitedCan) {
  on_fiber_and_thread([] {
    EXPECT_EQ(await(by_operator()), 7);
    by_reference place;
    await(place) = 4;
    EXPECT_EQ(place.value, 4);
  });
}

TEST(Coroutine, OtherFibersRunMeanwhile) {
  on_one_worker([] {
    std::coroutine_handle<> suspended;
    struct suspend_into {
      std::coroutine_handle<>& where;
      bool await_ready() { return false; }
      void await_suspend(std::coroutine_handle<> waiting) { where = waiting; }
      void await_resume() {}
    };
    auto waiting = spawn([&] { await(suspend_into{suspended}); });
    ramie::test::settle();
    EXPECT_FALSE(waiting.done());
    waiting.cancel();
    ramie::test::settle();
    EXPECT_FALSE(waiting.done());  // Nobody can tell a coroutine to end.
    suspended.resume();
    waiting.join();
  });
}

task<std::string> waits_on_a_fiber() {
  std::string said = co_await on_fiber([] {
    ramie::this_fiber::sleep_for(ramie::test::soon);
    return std::string("slept");
  });
  co_await on_fiber([&] { said += " twice"; });
  try {
    co_await on_fiber([] { throw std::runtime_error("failed"); });
  } catch (std::runtime_error const& error) {
    said += std::string(" and ") + error.what();
  }
  // It goes on on a fiber, so it may wait as one.
  ramie::this_fiber::yield();
  co_return said;
}

TEST(Coroutine, AwaitsAFiber) {
  on_fiber_and_thread([] { EXPECT_EQ(await(waits_on_a_fiber()), "slept twice and failed"); });
}

task<int> count_down(int from) {
  if (from == 0) co_return 0;
  co_return 1 + co_await on_fiber([from] { return await(count_down(from - 1)); });
}

TEST(Coroutine, EachWaitsForTheOther) {
  on_fiber_and_thread([] { EXPECT_EQ(await(count_down(50)), 50); });
}

TEST_P(CoroutineStress, ManyGoToAndFro) {
  run_it([] {
    std::vector<ramie::join_handle<int>> fibers;
    for (int i = 0; i < 50; ++i) {
      fibers.push_back(spawn([i] { return *await(from_elsewhere(i)) + await(count_down(i % 7)); }));
    }
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(fibers[static_cast<std::size_t>(i)].join(), i + i % 7);
    }
  });
}

task<int> waits_first() {
  ramie::this_fiber::sleep_for(ramie::test::soon);  // as the fiber that awaits it may
  co_return co_await on_fiber([] {
    ramie::this_fiber::sleep_for(ramie::test::soon);
    return 42;
  });
}

TEST(Coroutine, MayWaitBeforeItSuspends) {
  on_fiber_and_thread([] { EXPECT_EQ(await(waits_first()), 42); });
}

TEST(Coroutine, MayWaitForAPlaceForItsFiber) {
  ramie::run({.workers = 1, .max_fibers = 2}, [] {
    auto other = spawn([] { ramie::this_fiber::sleep_for(ramie::test::soon); });
    EXPECT_EQ(await(on_fiber([] {
                ramie::this_fiber::sleep_for(ramie::test::soon);
                return 42;
              })),
              42);
    other.join();
  });
}

// At the end of a runtime fibers are born cancelled.
TEST(Coroutine, IsToldOfAFiberThatNeverRan) {
  bool told = false;
  {
    ramie::runtime here({.workers = 1});
    here.run([&] {
      spawn([&] {
        try {
          ramie::this_fiber::sleep_for(ramie::test::forever);
        } catch (ramie::cancelled const&) {
        }
        try {
          await(on_fiber([] {}));
        } catch (ramie::cancelled const&) {
          told = true;
        }
      }).detach();
      ramie::this_fiber::yield();
    });
  }
  EXPECT_TRUE(told);
}

}  // namespace
