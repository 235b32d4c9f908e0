// The workloads on Boost.Fiber, in its best documented settings: round_robin and pooled stacks on
// one worker, work_stealing on several. There the stacks are fixedsize_stack's, because a pool may
// be used by one thread only. Trees are built with launch::dispatch (child first), for which fewer
// stacks are alive at a time, and with fixedsize_stack's on one worker too: both are faster than
// the alternatives. Everything else uses launch::post, which spares a switch.
#include <array>
#include <atomic>
#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "timers.hpp"
#include "wake_up.hpp"

namespace {

namespace fibers = boost::fibers;
using bench::options;
using bench::result;
using boost::fibers::fiber;
using boost::fibers::launch;

struct pooled {
  static auto& stacks() {
    static fibers::pooled_fixedsize_stack pool;
    return pool;
  }
};

struct single {
  static fibers::fixedsize_stack stacks() { return {}; }
};

template <class Stacks, class F>
fiber spawn(launch policy, F&& f) {
  return fiber(policy, std::allocator_arg, Stacks::stacks(), std::forward<F>(f));
}

// Runs body on this thread and on workers - 1 more, as the work_stealing example of Boost.Fiber
// does.
template <class F>
result on_workers(unsigned workers, F&& body) {
  if (workers == 1) {
    fibers::use_scheduling_algorithm<fibers::algo::round_robin>();
    return body();
  }
  std::mutex lock;
  fibers::condition_variable_any ended;
  bool end = false;
  std::vector<std::thread> others;
  for (unsigned i = 1; i < workers; ++i) {
    others.emplace_back([&, workers] {
      fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers);
      std::unique_lock held(lock);
      ended.wait(held, [&] { return end; });
    });
  }
  fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers);
  auto const found = body();
  {
    std::lock_guard const held(lock);
    end = true;
  }
  ended.notify_all();
  for (auto& other : others) other.join();
  return found;
}

template <class Stacks>
result yield(options const& chosen) {
  std::atomic<std::uint64_t> switches = 0;
  auto const yielder = [&] {
    std::uint64_t mine = 0;
    for (; mine < chosen.n / 2; ++mine) boost::this_fiber::yield();
    switches += mine;
  };
  bench::stopwatch const watch;
  auto a = spawn<Stacks>(launch::post, yielder);
  auto b = spawn<Stacks>(launch::post, yielder);
  a.join();
  b.join();
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(switches == chosen.n / 2 * 2, "every yield returns");
  return found;
}

template <class Stacks>
result spawn_join(options const& chosen) {
  std::atomic<std::uint64_t> ran{0};
  std::vector<fiber> all(bench::batch);
  bench::stopwatch const watch;
  for (std::uint64_t i = 0; i < chosen.n / bench::batch; ++i) {
    for (auto& each : all) {
      each = spawn<Stacks>(launch::post, [&] { ran.fetch_add(1, std::memory_order_relaxed); });
    }
    for (auto& each : all) each.join();
  }
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(ran == chosen.n / bench::batch * bench::batch, "every fiber runs");
  return found;
}

template <class Stacks>
result spawn_join_one(options const& chosen) {
  std::uint64_t sum = 0;
  bench::stopwatch const watch;
  for (std::uint64_t i = 0; i < chosen.n; ++i) {
    spawn<Stacks>(launch::post, [&sum, i] { sum += i; }).join();
  }
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(sum == chosen.n * (chosen.n - 1) / 2, "every result arrives");
  return found;
}

template <class Stacks>
std::uint64_t fork_fib(std::uint64_t n) {
  if (n < bench::fib_cutoff) return n;
  std::uint64_t left = 0;
  auto child = spawn<Stacks>(launch::dispatch, [&left, n] { left = fork_fib<Stacks>(n - 1); });
  std::uint64_t const right = fork_fib<Stacks>(n - 2);
  child.join();
  return left + right;
}

template <class Stacks>
result fork_join(options const& chosen) {
  bench::stopwatch const watch;
  std::uint64_t const value = fork_fib<Stacks>(chosen.n);
  auto const found = bench::in_all(watch);
  bench::check(value == bench::fib(chosen.n), "fib");
  return found;
}

template <class Stacks>
std::uint64_t skynet_node(std::uint64_t first, std::uint64_t leaves) {
  if (leaves == 1) return first;
  std::array<fiber, bench::skynet_ways> children;
  std::array<std::uint64_t, bench::skynet_ways> sums;
  std::uint64_t const each = leaves / bench::skynet_ways;
  for (std::uint64_t i = 0; i < children.size(); ++i) {
    children[i] = spawn<Stacks>(launch::dispatch, [&sums, i, first, each] {
      sums[i] = skynet_node<Stacks>(first + i * each, each);
    });
  }
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < children.size(); ++i) {
    children[i].join();
    sum += sums[i];
  }
  return sum;
}

template <class Stacks>
result skynet(options const& chosen) {
  bench::stopwatch const watch;
  std::uint64_t const sum = skynet_node<Stacks>(0, chosen.n);
  auto const found = bench::in_all(watch);
  bench::check(sum == chosen.n * (chosen.n - 1) / 2, "every leaf counts");
  return found;
}

// An outside thread reaches Boost.Fiber's scheduler through a channel; a fiber runs each task.
template <class Stacks>
result hand_in(options const& chosen) {
  std::atomic<std::uint64_t> ran{0};
  fibers::buffered_channel<std::uint64_t> inbox(1024);
  std::vector<fiber> receivers;
  bench::stopwatch const watch;
  for (unsigned i = 0; i < chosen.workers; ++i) {
    receivers.push_back(spawn<Stacks>(launch::post, [&] {
      for (std::uint64_t task = 0; inbox.pop(task) == fibers::channel_op_status::success;) {
        spawn<Stacks>(launch::dispatch, [&] {
          ran.fetch_add(1, std::memory_order_relaxed);
        }).detach();
      }
    }));
  }
  std::thread outside([&] {
    for (std::uint64_t i = 0; i < chosen.n; ++i) inbox.push(i);
    inbox.close();
  });
  for (auto& receiver : receivers) receiver.join();
  while (ran.load(std::memory_order_relaxed) < chosen.n) boost::this_fiber::yield();
  auto const found = bench::per_item(watch, chosen.n);
  outside.join();
  bench::check(ran == chosen.n, "every task runs");
  return found;
}

template <class Stacks>
result ping_pong(options const& chosen) {
  fibers::unbuffered_channel<std::uint64_t> ping, pong;
  bench::stopwatch const watch;
  auto server = spawn<Stacks>(launch::post, [&] {
    for (std::uint64_t ball = 0; ping.pop(ball) == fibers::channel_op_status::success;) {
      pong.push(ball + 1);
    }
  });
  std::uint64_t value = 0;
  auto client = spawn<Stacks>(launch::post, [&] {
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      ping.push(value);
      pong.pop(value);
    }
    ping.close();
  });
  client.join();
  server.join();
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(value == chosen.n, "every ball comes back");
  return found;
}

struct sleeping_fibers {
  using handle = fiber;
  template <class F>
  static handle spawn(F&& f) {
    return ::spawn<pooled>(launch::post, std::forward<F>(f));
  }
  static void sleep_until(std::chrono::steady_clock::time_point when) {
    boost::this_fiber::sleep_until(when);
  }
};

result timers_cold(options const& chosen) {
  return on_workers(1, [&] { return bench::timers_cold<sleeping_fibers>(chosen.n); });
}

result timers(options const& chosen) {
  return on_workers(1, [&] { return bench::timers_warm<sleeping_fibers>(chosen.n); });
}

result timers_p50(options const& chosen) {
  return on_workers(1, [&] { return bench::timers_late<sleeping_fibers>(chosen.n, 50, 100); });
}

result timers_p99(options const& chosen) {
  return on_workers(1, [&] { return bench::timers_late<sleeping_fibers>(chosen.n, 99, 100); });
}

// On one worker: work_stealing's others never sleep.
template <unsigned Percent>
result wake_up(options const& chosen) {
  bench::check(chosen.workers == 1, "it is measured with one worker");
  return on_workers(1, [&] {
    fibers::buffered_channel<int> bell(2);  // of two, its least capacity, one is used
    bench::wake_ups all(chosen.n);
    result found{};
    std::thread outside([&] {
      found = all.measure([&] { bell.push(0); }, Percent);
      bell.close();
    });
    for (int rung = 0; bell.pop(rung) == fibers::channel_op_status::success;) all.woken();
    outside.join();
    return found;
  });
}

template <class Stacks>
result mpmc(options const& chosen) {
  fibers::buffered_channel<std::uint64_t> values(bench::mpmc_capacity);
  std::uint64_t const each = chosen.n / bench::mpmc_ends;
  std::array<fiber, bench::mpmc_ends> producers;
  std::array<fiber, bench::mpmc_ends> consumers;
  std::atomic<std::uint64_t> sum{0};
  bench::stopwatch const watch;
  for (std::size_t who = 0; who < bench::mpmc_ends; ++who) {
    producers[who] = spawn<Stacks>(launch::post, [&values, each, first = who * each] {
      for (std::uint64_t i = 0; i < each; ++i) values.push(first + i);
    });
    consumers[who] = spawn<Stacks>(launch::post, [&] {
      std::uint64_t mine = 0;
      for (std::uint64_t value = 0; values.pop(value) == fibers::channel_op_status::success;) {
        mine += value;
      }
      sum.fetch_add(mine, std::memory_order_relaxed);
    });
  }
  for (auto& producer : producers) producer.join();
  values.close();
  for (auto& consumer : consumers) consumer.join();
  auto const found = bench::per_item(watch, chosen.n);
  std::uint64_t const all = each * bench::mpmc_ends;
  bench::check(sum == all * (all - 1) / 2, "every value arrives once");
  return found;
}

template <class Stacks, class Yields>
result lock_and_add(options const& chosen, Yields yields) {
  fibers::mutex lock;
  std::uint64_t sum = 0;
  std::uint64_t const each = chosen.n / bench::mutex_fibers;
  std::vector<fiber> all(bench::mutex_fibers);
  bench::stopwatch const watch;
  for (auto& one : all) {
    one = spawn<Stacks>(launch::post, [&] {
      for (std::uint64_t i = 0; i < each; ++i) {
        std::lock_guard const held(lock);
        ++sum;
        if (yields(i)) boost::this_fiber::yield();
      }
    });
  }
  for (auto& one : all) one.join();
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(sum == each * bench::mutex_fibers, "no increment is lost");
  return found;
}

template <class Stacks>
result mutex(options const& chosen) {
  return lock_and_add<Stacks>(chosen, [](std::uint64_t) { return false; });
}

template <class Stacks>
result mutex_yield(options const& chosen) {
  return lock_and_add<Stacks>(chosen, bench::yields_holding);
}

// Each waits until as many as n have begun.
template <class Stacks>
result spawn_join_all(options const& chosen) {
  std::atomic<std::uint64_t> ran{0};
  std::vector<fiber> all(chosen.n);
  fibers::barrier everybody(chosen.n);
  bench::stopwatch const watch;
  for (auto& each : all) {
    each = spawn<Stacks>(launch::post, [&] {
      ran.fetch_add(1, std::memory_order_relaxed);
      everybody.wait();
    });
  }
  for (auto& each : all) each.join();
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(ran == chosen.n, "every fiber runs");
  return found;
}

// n fibers that start together, fiber i calls body(i): the time until all have ended, for each of
// `items`.
template <class Stacks, class F>
result start_together(std::uint64_t n, std::uint64_t items, F const& body) {
  std::atomic<std::uint64_t> ready{0};
  fibers::promise<void> begin;
  fibers::shared_future<void> const begun = begin.get_future().share();
  std::vector<fiber> all(n);
  for (std::uint64_t i = 0; i < n; ++i) {
    all[i] = spawn<Stacks>(launch::post, [&, i] {
      ready.fetch_add(1, std::memory_order_relaxed);
      begun.wait();
      body(i);
    });
  }
  while (ready.load(std::memory_order_relaxed) < n) boost::this_fiber::yield();
  bench::stopwatch const watch;
  begin.set_value();
  for (auto& each : all) each.join();
  return bench::per_item(watch, items);
}

template <class Stacks>
result yield_round(options const& chosen) {
  std::uint64_t const each = bench::scale_each(chosen.n);
  std::atomic<std::uint64_t> switches{0};
  auto const found = start_together<Stacks>(chosen.n, each * chosen.n, [&](std::uint64_t) {
    std::uint64_t mine = 0;
    for (; mine < each; ++mine) boost::this_fiber::yield();
    switches += mine;
  });
  bench::check(switches == each * chosen.n, "every yield returns");
  return found;
}

template <class Stacks>
result ping_pong_pairs(options const& chosen) {
  struct pair {
    fibers::unbuffered_channel<std::uint64_t> ping, pong;
    std::uint64_t value = 0;
  };
  std::uint64_t const each = bench::scale_each(chosen.n);
  std::vector<pair> pairs(chosen.n);
  auto const found = start_together<Stacks>(2 * chosen.n, each * chosen.n, [&](std::uint64_t i) {
    auto& [ping, pong, value] = pairs[i / 2];
    if (i % 2 == 0) {
      for (std::uint64_t ball = 0; ping.pop(ball) == fibers::channel_op_status::success;) {
        pong.push(ball + 1);
      }
      return;
    }
    for (std::uint64_t round = 0; round < each; ++round) {
      ping.push(value);
      pong.pop(value);
    }
    ping.close();
  });
  for (auto const& one : pairs) bench::check(one.value == each, "every ball comes back");
  return found;
}

// Unguarded stacks: guarded ones end at half of vm.max_map_count.
template <class Stacks>
result idle_memory(options const& chosen) {
  std::vector<fiber> all(chosen.n);
  fibers::mutex lock;
  fibers::condition_variable changed;
  std::uint64_t parked = 0;
  bool release = false;
  double const before = bench::resident();
  for (auto& one : all) {
    one = spawn<Stacks>(launch::post, [&] {
      std::unique_lock held(lock);
      if (++parked == chosen.n) changed.notify_all();
      changed.wait(held, [&] { return release; });
    });
  }
  double used = 0;
  {
    std::unique_lock held(lock);
    changed.wait(held, [&] { return parked == chosen.n; });
    used = bench::resident() - before;
    release = true;
  }
  changed.notify_all();
  for (auto& one : all) one.join();
  return {used / static_cast<double>(chosen.n), "bytes"};
}

template <result (*OnOne)(options const&), result (*OnMany)(options const&)>
result on_chosen(options const& chosen) {
  return on_workers(chosen.workers,
                    [&] { return chosen.workers == 1 ? OnOne(chosen) : OnMany(chosen); });
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main(
      "boost_fiber",
      {{"yield", on_chosen<yield<pooled>, yield<single>>},
       {"spawn_join", on_chosen<spawn_join<pooled>, spawn_join<single>>},
       {"spawn_join_one", on_chosen<spawn_join_one<pooled>, spawn_join_one<single>>},
       {"fork_join", on_chosen<fork_join<single>, fork_join<single>>},
       {"skynet", on_chosen<skynet<single>, skynet<single>>},
       {"hand_in", on_chosen<hand_in<pooled>, hand_in<single>>},
       {"ping_pong", on_chosen<ping_pong<pooled>, ping_pong<single>>},
       {"timers_cold", timers_cold},
       {"timers", timers},
       {"timers_p50", timers_p50},
       {"timers_p99", timers_p99},
       {"wake_up", wake_up<50>},
       {"wake_up_p99", wake_up<99>},
       {"mpmc", on_chosen<mpmc<pooled>, mpmc<single>>},
       {"mutex", on_chosen<mutex<pooled>, mutex<single>>},
       {"mutex_yield", on_chosen<mutex_yield<pooled>, mutex_yield<single>>},
       {"idle_memory", on_chosen<idle_memory<pooled>, idle_memory<single>>},
       {"spawn_join_all", on_chosen<spawn_join_all<pooled>, spawn_join_all<single>>},
       {"yield_round", on_chosen<yield_round<pooled>, yield_round<single>>},
       {"ping_pong_pairs", on_chosen<ping_pong_pairs<pooled>, ping_pong_pairs<single>>}},
      argc, argv);
}
