// The workloads on ramie.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/spawn_blocking.hpp>
#include <ramie/sched/this_fiber.hpp>
#include <ramie/sync/channel.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/mutex.hpp>
#include <ramie/sync/wait_group.hpp>

#include "bench.hpp"
#include "hand_in.hpp"
#include "timers.hpp"

namespace {

using bench::options;
using bench::result;

template <class F>
result on_runtime(options const& chosen, F&& body) {
  return ramie::run({.workers = chosen.workers}, std::forward<F>(body));
}

result yield(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::atomic<std::uint64_t> switches = 0;
    auto const yielder = [&] {
      std::uint64_t mine = 0;
      for (; mine < chosen.n / 2; ++mine) ramie::this_fiber::yield();
      switches += mine;
    };
    bench::stopwatch const watch;
    auto a = ramie::spawn(yielder);
    auto b = ramie::spawn(yielder);
    a.join();
    b.join();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(switches == chosen.n / 2 * 2, "every yield returns");
    return found;
  });
}

result spawn_join(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::atomic<std::uint64_t> ran{0};
    std::vector<ramie::join_handle<void>> handles(bench::batch);
    bench::stopwatch const watch;
    for (std::uint64_t i = 0; i < chosen.n / bench::batch; ++i) {
      for (auto& handle : handles) {
        handle = ramie::spawn([&] { ran.fetch_add(1, std::memory_order_relaxed); });
      }
      for (auto& handle : handles) handle.join();
    }
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(ran == chosen.n / bench::batch * bench::batch, "every fiber runs");
    return found;
  });
}

result spawn_join_one(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::uint64_t sum = 0;
    bench::stopwatch const watch;
    for (std::uint64_t i = 0; i < chosen.n; ++i) sum += ramie::spawn([i] { return i; }).join();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(sum == chosen.n * (chosen.n - 1) / 2, "every result arrives");
    return found;
  });
}

std::uint64_t fork_fib(std::uint64_t n) {
  if (n < bench::fib_cutoff) return n;
  auto left = ramie::spawn([n] { return fork_fib(n - 1); });
  std::uint64_t const right = fork_fib(n - 2);
  return left.join() + right;
}

result fork_join(options const& chosen) {
  return on_runtime(chosen, [&] {
    bench::stopwatch const watch;
    std::uint64_t const value = fork_fib(chosen.n);
    auto const found = bench::in_all(watch);
    bench::check(value == bench::fib(chosen.n), "fib");
    return found;
  });
}

std::uint64_t skynet_node(std::uint64_t first, std::uint64_t leaves) {
  if (leaves == 1) return first;
  std::array<ramie::join_handle<std::uint64_t>, bench::skynet_ways> children;
  std::uint64_t const each = leaves / bench::skynet_ways;
  for (std::uint64_t i = 0; i < children.size(); ++i) {
    children[i] = ramie::spawn([=] { return skynet_node(first + i * each, each); });
  }
  std::uint64_t sum = 0;
  for (auto& child : children) sum += child.join();
  return sum;
}

result skynet(options const& chosen) {
  return on_runtime(chosen, [&] {
    bench::stopwatch const watch;
    std::uint64_t const sum = skynet_node(0, chosen.n);
    auto const found = bench::in_all(watch);
    bench::check(sum == chosen.n * (chosen.n - 1) / 2, "every leaf counts");
    return found;
  });
}

struct posted_runtime {
  explicit posted_runtime(unsigned workers) : runtime({.workers = workers}) {}
  template <class F>
  void post(F&& f) {
    runtime.post(std::forward<F>(f));
  }
  ramie::runtime runtime;
};

// Each operation within a Scope of its own.
template <class Scope>
result ping_pong_within(options const& chosen) {
  return on_runtime(chosen, [&] {
    ramie::channel<std::uint64_t> ping(0), pong(0);
    auto const send = [](auto& to, std::uint64_t value) {
      [[maybe_unused]] Scope const scope;
      to.send(value);
    };
    auto const receive = [](auto& from) {
      [[maybe_unused]] Scope const scope;
      return from.receive();
    };
    bench::stopwatch const watch;
    auto server = ramie::spawn([&] {
      while (auto value = receive(ping)) send(pong, *value + 1);
    });
    std::uint64_t value = 0;
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      send(ping, value);
      value = *receive(pong);
    }
    ping.close();
    server.join();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(value == chosen.n, "every ball comes back");
    return found;
  });
}

result ping_pong(options const& chosen) {
  struct no_scope {};
  return ping_pong_within<no_scope>(chosen);
}

// What four deadlines that never fire add to a round trip: compare with ping_pong.
result ping_pong_deadlines(options const& chosen) {
  struct half_a_minute {
    ramie::deadline_scope limit{std::chrono::seconds(30)};
  };
  return ping_pong_within<half_a_minute>(chosen);
}

// A deadline that is set and goes again, where nothing waits.
result deadline(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::uint64_t expired = 0;
    bench::stopwatch const watch;
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      ramie::deadline_scope const limit(std::chrono::seconds(30));
      expired += i + 1 == chosen.n && limit.expired() ? 1U : 0U;
    }
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(expired == 0, "no deadline has come");
    return found;
  });
}

struct ramie_fibers {
  using handle = ramie::join_handle<void>;
  template <class F>
  static handle spawn(F&& f) {
    return ramie::spawn(std::forward<F>(f));
  }
  static void sleep_until(std::chrono::steady_clock::time_point when) {
    ramie::this_fiber::sleep_until(when);
  }
};

result timers_cold(options const& chosen) {
  return on_runtime(chosen, [&] { return bench::timers_cold<ramie_fibers>(chosen.n); });
}

result timers(options const& chosen) {
  return on_runtime(chosen, [&] { return bench::timers_warm<ramie_fibers>(chosen.n); });
}

result timers_p50(options const& chosen) {
  return on_runtime(chosen, [&] { return bench::timers_late<ramie_fibers>(chosen.n, 50, 100); });
}

result timers_p99(options const& chosen) {
  return on_runtime(chosen, [&] { return bench::timers_late<ramie_fibers>(chosen.n, 99, 100); });
}

// Blocking sections of no length; nobody else needs the worker.
result blocking(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::uint64_t called = 0;
    bench::stopwatch const watch;
    for (std::uint64_t i = 0; i < chosen.n; ++i) ramie::blocking([&] { ++called; });
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(called == chosen.n, "every section runs");
    return found;
  });
}

// The same while another fiber is ready all the time, so that the worker goes to another thread.
result blocking_busy(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::atomic<bool> over{false};
    auto busy = ramie::spawn([&] {
      while (!over) ramie::this_fiber::yield();
    });
    bench::stopwatch const watch;
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      ramie::blocking([] {});
      ramie::this_fiber::yield();
    }
    auto const found = bench::per_item(watch, chosen.n);
    over = true;
    busy.join();
    return found;
  });
}

result spawn_blocking(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::uint64_t called = 0;
    bench::stopwatch const watch;
    for (std::uint64_t i = 0; i < chosen.n; ++i) ramie::spawn_blocking([&] { ++called; }).join();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(called == chosen.n, "every function runs");
    return found;
  });
}

// Producers and consumers, at several ends of one channel.
result mpmc(options const& chosen) {
  return on_runtime(chosen, [&] {
    ramie::channel<std::uint64_t> values(bench::mpmc_capacity);
    std::uint64_t const each = chosen.n / bench::mpmc_ends;
    std::array<ramie::join_handle<void>, bench::mpmc_ends> producers;
    std::array<ramie::join_handle<std::uint64_t>, bench::mpmc_ends> consumers;
    bench::stopwatch const watch;
    for (std::size_t who = 0; who < bench::mpmc_ends; ++who) {
      producers[who] = ramie::spawn([&values, each, first = who * each] {
        for (std::uint64_t i = 0; i < each; ++i) values.send(first + i);
      });
      consumers[who] = ramie::spawn([&values] {
        std::uint64_t mine = 0;
        while (std::optional<std::uint64_t> value = values.receive()) mine += *value;
        return mine;
      });
    }
    for (auto& producer : producers) producer.join();
    values.close();
    std::uint64_t sum = 0;
    for (auto& consumer : consumers) sum += consumer.join();
    auto const found = bench::per_item(watch, chosen.n);
    std::uint64_t const all = each * bench::mpmc_ends;
    bench::check(sum == all * (all - 1) / 2, "every value arrives once");
    return found;
  });
}

// Section i is held across a yield if yields(i).
template <class Yields>
result lock_and_add(options const& chosen, Yields yields) {
  return on_runtime(chosen, [&] {
    ramie::mutex lock;
    std::uint64_t sum = 0;
    std::uint64_t const each = chosen.n / bench::mutex_fibers;
    std::vector<ramie::join_handle<void>> handles(bench::mutex_fibers);
    bench::stopwatch const watch;
    for (auto& handle : handles) {
      handle = ramie::spawn([&] {
        for (std::uint64_t i = 0; i < each; ++i) {
          std::lock_guard const held(lock);
          ++sum;
          if (yields(i)) ramie::this_fiber::yield();
        }
      });
    }
    for (auto& handle : handles) handle.join();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(sum == each * bench::mutex_fibers, "no increment is lost");
    return found;
  });
}

result mutex(options const& chosen) {
  return lock_and_add(chosen, [](std::uint64_t) { return false; });
}

result mutex_yield(options const& chosen) {
  return lock_and_add(chosen, bench::yields_holding);
}

// Resident memory and page tables of a parked fiber with a guarded stack, its handle not counted.
result idle_memory(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::vector<ramie::join_handle<void>> handles(chosen.n);
    ramie::event release;
    ramie::wait_group parked;
    parked.add(static_cast<std::ptrdiff_t>(chosen.n));
    double const before = bench::resident();
    for (auto& handle : handles) {
      handle = ramie::spawn([&] {
        parked.done();
        release.wait();
      });
    }
    parked.wait();
    double const used = bench::resident() - before;
    release.set();
    for (auto& handle : handles) handle.join();
    return result{used / static_cast<double>(chosen.n), "bytes"};
  });
}

// The cost of a fiber that waits until as many as n have begun, on a stack that nobody has used.
result spawn_join_all(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::atomic<std::uint64_t> ran{0};
    std::vector<ramie::join_handle<void>> handles(chosen.n);
    ramie::event release;
    bench::stopwatch const watch;
    for (auto& handle : handles) {
      handle = ramie::spawn([&] {
        if (ran.fetch_add(1) + 1 == chosen.n) release.set();
        release.wait();
      });
    }
    for (auto& handle : handles) handle.join();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(ran == chosen.n, "every fiber runs");
    return found;
  });
}

// n fibers that start together, fiber i calls body(i): the time until all have ended, for each of
// `items`.
template <class F>
result start_together(std::uint64_t n, std::uint64_t items, F const& body) {
  std::vector<ramie::join_handle<void>> handles(n);
  ramie::event start;
  ramie::wait_group ready;
  ready.add(static_cast<std::ptrdiff_t>(n));
  for (std::uint64_t i = 0; i < n; ++i) {
    handles[i] = ramie::spawn([&, i] {
      ready.done();
      start.wait();
      body(i);
    });
  }
  ready.wait();
  bench::stopwatch const watch;
  start.set();
  for (auto& handle : handles) handle.join();
  return bench::per_item(watch, items);
}

// A yield, where n fibers take turns.
result yield_round(options const& chosen) {
  return on_runtime(chosen, [&] {
    std::uint64_t const each = bench::scale_each(chosen.n);
    std::atomic<std::uint64_t> switches{0};
    auto const found = start_together(chosen.n, each * chosen.n, [&](std::uint64_t) {
      std::uint64_t mine = 0;
      for (; mine < each; ++mine) ramie::this_fiber::yield();
      switches += mine;
    });
    bench::check(switches == each * chosen.n, "every yield returns");
    return found;
  });
}

// ping_pong, by n pairs at once.
result ping_pong_pairs(options const& chosen) {
  struct pair {
    ramie::channel<std::uint64_t> ping{0}, pong{0};
    std::uint64_t value = 0;
  };
  return on_runtime(chosen, [&] {
    std::uint64_t const each = bench::scale_each(chosen.n);
    std::vector<pair> pairs(chosen.n);
    auto const found = start_together(2 * chosen.n, each * chosen.n, [&](std::uint64_t i) {
      auto& [ping, pong, value] = pairs[i / 2];
      if (i % 2 == 0) {
        while (auto ball = ping.receive()) pong.send(*ball + 1);
        return;
      }
      for (std::uint64_t round = 0; round < each; ++round) {
        ping.send(value);
        value = *pong.receive();
      }
      ping.close();
    });
    for (auto const& one : pairs) bench::check(one.value == each, "every ball comes back");
    return found;
  });
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main("ramie",
                     {{"yield", yield},
                      {"spawn_join", spawn_join},
                      {"spawn_join_one", spawn_join_one},
                      {"fork_join", fork_join},
                      {"skynet", skynet},
                      {"hand_in", bench::hand_in<posted_runtime>},
                      {"hand_in_idle", bench::hand_in_idle<posted_runtime>},
                      {"ping_pong", ping_pong},
                      {"ping_pong_deadlines", ping_pong_deadlines},
                      {"deadline", deadline},
                      {"timers_cold", timers_cold},
                      {"timers", timers},
                      {"timers_p50", timers_p50},
                      {"timers_p99", timers_p99},
                      {"blocking", blocking},
                      {"blocking_busy", blocking_busy},
                      {"spawn_blocking", spawn_blocking},
                      {"mpmc", mpmc},
                      {"mutex", mutex},
                      {"mutex_yield", mutex_yield},
                      {"idle_memory", idle_memory},
                      {"spawn_join_all", spawn_join_all},
                      {"yield_round", yield_round},
                      {"ping_pong_pairs", ping_pong_pairs}},
                     argc, argv);
}
