// What tests that run on fibers share.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <ramie/sched/detail/futex.hpp>
#include <ramie/sched/fiber.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "workers.hpp"

namespace ramie::test {

/// Long enough that no test of behaviour comes to its end.
inline constexpr std::chrono::hours forever{1000};
inline constexpr std::chrono::milliseconds soon{2};

/// Handlers of a select whose case is all that matters, without and with what was received.
inline constexpr auto nothing = [] {};
inline constexpr auto ignore = [](auto) {};

/// The code of the std::system_error that f throws; none if it returns.
template <class F>
std::error_code code_of(F f) {
  try {
    f();
  } catch (std::system_error const& error) {
    return error.code();
  }
  return {};
}

/// errno, looked up anew each time: the header's own declaration lets a compiler keep the address
/// across a wait.
[[gnu::noinline]] inline int& errno_here() {
  asm volatile("" ::: "memory");
  return errno;
}

/// On a runtime of one worker: lets every other fiber run until it parks or ends.
inline void settle() {
  for (int i = 0; i < 8; ++i) this_fiber::yield();
}

/// Runs `test` on a runtime of one worker, where `settle` tells what waits.
template <class F>
void on_one_worker(F test) {
  run({.workers = 1}, std::move(test));
}

/// Runs `test` on a fiber of one worker, then on a plain OS thread: what both must agree on.
template <class F>
void on_fiber_and_thread(F test) {
  on_one_worker(test);
  std::thread([&] {
    SCOPED_TRACE("on a thread");
    test();
  }).join();
}

/// Runs body(i) for 0 <= i < count at once: fibers of the current runtime and plain OS threads by
/// turns. Called by a fiber.
template <class F>
void fibers_and_threads(int count, F body) {
  std::vector<join_handle<void>> fibers;
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    if (i % 2 == 0) {
      fibers.push_back(spawn([&body, i] { body(i); }));
    } else {
      threads.emplace_back([&body, i] { body(i); });
    }
  }
  for (auto& fiber : fibers) fiber.join();
  for (auto& thread : threads) thread.join();
}

/// The tests that run with several numbers of workers.
class WithWorkers : public testing::TestWithParam<unsigned> {
 public:
  template <class F>
  void run_it(F test) const {
    run({.workers = GetParam()}, std::move(test));
  }
};

/// Some ten nanoseconds each: to try many alignments of two threads.
inline void pause_for(int times) noexcept {
  for (int i = 0; i < times; ++i) detail::cpu_pause();
}

/// Two plain threads that meet at one primitive after another, as close in time as they can: the
/// waiter destroys it as soon as its wait has returned, while the waker may still be on its way
/// out. The sanitizers see it if the waker touches it after that.
template <class Primitive, class Wake, class Wait>
void destroy_while_the_waker_leaves(std::shared_ptr<Primitive> (*make)(), Wake wake, Wait wait) {
  constexpr int rounds = 20'000;
  std::atomic<Primitive*> given{nullptr};
  std::thread waker([&] {
    for (int i = 0; i < rounds; ++i) {
      Primitive* mine = nullptr;
      while ((mine = given.exchange(nullptr)) == nullptr) std::this_thread::yield();
      pause_for(i % 64);
      wake(*mine);
    }
  });
  for (int i = 0; i < rounds; ++i) {
    std::shared_ptr<Primitive> owned = make();
    given.store(owned.get());
    pause_for(i / 64 % 64);
    wait(*owned);
  }
  waker.join();
}

/// The same between fibers.
template <class Primitive, class Wake, class Wait>
void destroy_as_soon_as_woken(std::shared_ptr<Primitive> (*make)(), Wake wake, Wait wait) {
  for (int i = 0; i < 1000; ++i) {
    // The waker keeps a bare reference: the waiter owns.
    std::shared_ptr<Primitive> owned = make();
    Primitive& bare = *owned;
    auto waker = spawn([&bare, &wake] { wake(bare); });
    wait(bare);
    owned.reset();
    waker.join();
  }
}

}  // namespace ramie::test

#define RAMIE_TEST_WITH_WORKERS(suite)              \
  class suite : public ramie::test::WithWorkers {}; \
  INSTANTIATE_TEST_SUITE_P(Workers, suite, testing::ValuesIn(ramie::test::worker_counts()))
