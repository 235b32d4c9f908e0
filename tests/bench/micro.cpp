// What the single operations cost, under Google Benchmark: each in a fiber of a runtime with one
// worker, where nobody else needs what it takes. A wrong result ends the program with exit 1.
//   bench_micro --benchmark_filter=mutex    only these; --help names the other options
#include <benchmark/benchmark.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <shared_mutex>

#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/fiber_local.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/task_group.hpp>
#include <ramie/sched/this_fiber.hpp>
#include <ramie/sync/auto_reset_event.hpp>
#include <ramie/sync/channel.hpp>
#include <ramie/sync/condition_variable.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/future.hpp>
#include <ramie/sync/mutex.hpp>
#include <ramie/sync/promise.hpp>
#include <ramie/sync/semaphore.hpp>
#include <ramie/sync/shared_mutex.hpp>

#include "bench.hpp"

namespace {

using benchmark::State;

std::uint64_t rounds(State const& state) {
  return static_cast<std::uint64_t>(state.iterations());
}

// Beside a fiber that yields all the while: there and back, two switches.
void yield(State& state) {
  bool over = false;
  std::uint64_t turns = 0;
  auto other = ramie::spawn([&] {
    for (; !over; ++turns) ramie::this_fiber::yield();
  });
  for (auto _ : state) ramie::this_fiber::yield();
  bench::check(turns + 1 >= rounds(state), "the other one has a turn each time");
  over = true;
  other.join();
}

void sleep_for_nothing(State& state) {
  std::uint64_t slept = 0;
  for (auto _ : state) {
    ramie::this_fiber::sleep_for(std::chrono::seconds(0));
    ++slept;
  }
  bench::check(slept == rounds(state), "every sleep ends");
}

void spawn_join(State& state) {
  std::uint64_t sum = 0;
  for (auto _ : state) sum += ramie::spawn([] { return std::uint64_t{1}; }).join();
  bench::check(sum == rounds(state), "every fiber's result arrives");
}

void task_group(State& state) {
  std::uint64_t ran = 0;
  ramie::task_group tasks;
  for (auto _ : state) {
    tasks.spawn([&] { ++ran; });
    tasks.wait();
  }
  bench::check(ran == rounds(state), "every task runs");
}

template <class Mutex, class Lock>
void lock_unlock(State& state) {
  Mutex mutex;
  std::uint64_t held = 0;
  for (auto _ : state) {
    Lock const lock(mutex);
    held += lock.owns_lock() ? 1U : 0U;
  }
  bench::check(held == rounds(state) && mutex.try_lock(),
               "it was held each time, and is free again");
  mutex.unlock();
}

void mutex(State& state) {
  lock_unlock<ramie::mutex, std::unique_lock<ramie::mutex>>(state);
}
void shared_mutex(State& state) {
  lock_unlock<ramie::shared_mutex, std::unique_lock<ramie::shared_mutex>>(state);
}
void shared_mutex_shared(State& state) {
  lock_unlock<ramie::shared_mutex, std::shared_lock<ramie::shared_mutex>>(state);
}

void semaphore(State& state) {
  ramie::binary_semaphore tokens(1);
  for (auto _ : state) {
    tokens.acquire();
    tokens.release();
  }
  bench::check(tokens.try_acquire() && !tokens.try_acquire(), "the one token is there");
}

void notify_nobody(State& state) {
  ramie::mutex mutex;
  ramie::condition_variable changed;
  for (auto _ : state) changed.notify_one();
  std::unique_lock lock(mutex);
  bench::check(changed.wait_for(lock, std::chrono::seconds(0)) == std::cv_status::timeout,
               "no notification is kept");
}

// Sent and received by the same fiber, through the buffer.
void channel(State& state) {
  ramie::channel<std::uint64_t> values(1);
  std::uint64_t sum = 0;
  for (auto _ : state) {
    values.send(1);
    sum += *values.receive();
  }
  bench::check(sum == rounds(state), "every value arrives");
}

void event_set(State& state) {
  ramie::event over;
  for (auto _ : state) over.set();
  over.wait();  // would wait for ever if that had not set it
}

void auto_reset_event(State& state) {
  ramie::auto_reset_event bell;
  for (auto _ : state) {
    bell.set();
    bell.wait();
  }
  bench::check(!bell.wait_for(std::chrono::seconds(0)), "every wait has taken what was set");
}

void promise_future(State& state) {
  std::uint64_t sum = 0;
  for (auto _ : state) {
    ramie::promise<std::uint64_t> promise;
    auto future = promise.get_future();
    promise.set_value(1);
    sum += future.get();
  }
  bench::check(sum == rounds(state), "every value arrives");
}

// A deadline that is set and goes again before it comes.
void deadline(State& state) {
  for (auto _ : state) ramie::deadline_scope const limit(std::chrono::seconds(30));
  ramie::this_fiber::check_cancelled();  // throws if one of them has been left behind, and has come
}

void fiber_local(State& state) {
  ramie::fiber_local<std::uint64_t> mine;
  for (auto _ : state) ++*mine;
  bench::check(*mine == rounds(state), "every increment is the same fiber's");
}

template <void (*Body)(State&)>
void in_a_fiber(State& state) {
  ramie::run({.workers = 1}, [&] { Body(state); });
}

BENCHMARK(in_a_fiber<yield>)->Name("yield");
BENCHMARK(in_a_fiber<sleep_for_nothing>)->Name("sleep_for_nothing");
BENCHMARK(in_a_fiber<spawn_join>)->Name("spawn_join");
BENCHMARK(in_a_fiber<task_group>)->Name("task_group");
BENCHMARK(in_a_fiber<mutex>)->Name("mutex");
BENCHMARK(in_a_fiber<shared_mutex>)->Name("shared_mutex");
BENCHMARK(in_a_fiber<shared_mutex_shared>)->Name("shared_mutex_shared");
BENCHMARK(in_a_fiber<semaphore>)->Name("semaphore");
BENCHMARK(in_a_fiber<notify_nobody>)->Name("notify_nobody");
BENCHMARK(in_a_fiber<channel>)->Name("channel");
BENCHMARK(in_a_fiber<event_set>)->Name("event_set");
BENCHMARK(in_a_fiber<auto_reset_event>)->Name("auto_reset_event");
BENCHMARK(in_a_fiber<promise_future>)->Name("promise_future");
BENCHMARK(in_a_fiber<deadline>)->Name("deadline");
BENCHMARK(in_a_fiber<fiber_local>)->Name("fiber_local");

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  try {
    benchmark::RunSpecifiedBenchmarks();
  } catch (std::exception const& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
  return 0;
}
