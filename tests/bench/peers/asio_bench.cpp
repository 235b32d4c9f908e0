// The workloads on Asio's C++20 coroutines: one io_context that as many threads run as there are
// workers. Asio has no mutex: a channel that holds one token stands for it, one that threads may
// share as they may share a mutex, with one worker too; `mutex_local` is the same with a channel
// that belongs to one thread, and needs no atomic operation.
#include <algorithm>
#include <array>
#include <asio.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/experimental/concurrent_channel.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../bench.hpp"
#include "../latency.hpp"
#include "../timers.hpp"
#include "../wake_up.hpp"

namespace {

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using bench::options;
using bench::result;
using executor = asio::io_context::executor_type;
using std::chrono::steady_clock;

template <class T>
using local_channel = asio::experimental::channel<executor, void(asio::error_code, T)>;
template <class T>
using shared_channel = asio::experimental::concurrent_channel<executor, void(asio::error_code, T)>;

/// Runs a coroutine and all that it starts.
template <class Body>
result on_workers(options const& chosen, Body body) {
  asio::io_context loop(static_cast<int>(chosen.workers));
  result found{};
  std::exception_ptr failure;
  asio::co_spawn(loop, body(loop.get_executor()), [&](std::exception_ptr error, result value) {
    failure = error;
    found = value;
  });
  std::vector<std::thread> others;
  for (unsigned i = 1; i < chosen.workers; ++i) others.emplace_back([&] { loop.run(); });
  loop.run();
  for (auto& other : others) other.join();
  if (failure) std::rethrow_exception(failure);
  return found;
}

/// Coroutines that one waits for.
class group {
 public:
  group(executor where, std::uint64_t count) : where_(where), left_(count), ended_(where, 1) {}

  template <class Coroutine>
  void start(Coroutine body) {
    asio::co_spawn(where_, std::move(body), [this](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
      if (left_.fetch_sub(1) == 1) ended_.try_send(asio::error_code(), 0);
    });
  }
  awaitable<void> wait() { co_await ended_.async_receive(use_awaitable); }

 private:
  executor where_;
  std::atomic<std::uint64_t> left_;
  shared_channel<int> ended_;
};

result yield(options const& chosen) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    std::atomic<std::uint64_t> switches = 0;
    auto const yielder = [&]() -> awaitable<void> {
      std::uint64_t mine = 0;
      for (; mine < chosen.n / 2; ++mine) co_await asio::post(here, use_awaitable);
      switches += mine;
    };
    bench::stopwatch const watch;
    group both(here, 2);
    both.start(yielder);
    both.start(yielder);
    co_await both.wait();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(switches == chosen.n / 2 * 2, "every yield returns");
    co_return found;
  });
}

result spawn_join(options const& chosen) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    std::atomic<std::uint64_t> ran{0};
    auto const body = [&]() -> awaitable<void> {
      ran.fetch_add(1, std::memory_order_relaxed);
      co_return;
    };
    bench::stopwatch const watch;
    for (std::uint64_t i = 0; i < chosen.n / bench::batch; ++i) {
      group all(here, bench::batch);
      for (std::uint64_t j = 0; j < bench::batch; ++j) all.start(body);
      co_await all.wait();
    }
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(ran == chosen.n / bench::batch * bench::batch, "every coroutine runs");
    co_return found;
  });
}

result spawn_join_one(options const& chosen) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    std::uint64_t sum = 0;
    bench::stopwatch const watch;
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      auto const body = [i]() -> awaitable<std::uint64_t> { co_return i; };
      sum += co_await asio::co_spawn(here, body, use_awaitable);
    }
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(sum == chosen.n * (chosen.n - 1) / 2, "every result arrives");
    co_return found;
  });
}

result hand_in(options const& chosen) {
  std::atomic<std::uint64_t> ran{0};
  std::thread outside;
  auto const found = on_workers(chosen, [&](executor here) -> awaitable<result> {
    bench::stopwatch const watch;
    outside = std::thread([&, here] {
      for (std::uint64_t i = 0; i < chosen.n; ++i) {
        asio::post(here, [&] { ran.fetch_add(1, std::memory_order_relaxed); });
      }
    });
    while (ran.load(std::memory_order_relaxed) < chosen.n) {
      co_await asio::post(here, use_awaitable);
    }
    co_return bench::per_item(watch, chosen.n);
  });
  outside.join();
  bench::check(ran == chosen.n, "every task runs");
  return found;
}

template <template <class> class Channel>
result ping_pong(options const& chosen) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    Channel<std::uint64_t> ping(here, 0), pong(here, 0);
    bench::stopwatch const watch;
    group server(here, 1);
    server.start([&]() -> awaitable<void> {
      for (std::uint64_t i = 0; i < chosen.n; ++i) {
        std::uint64_t const value = co_await ping.async_receive(use_awaitable);
        co_await pong.async_send(asio::error_code(), value + 1, use_awaitable);
      }
    });
    std::uint64_t value = 0;
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      co_await ping.async_send(asio::error_code(), value, use_awaitable);
      value = co_await pong.async_receive(use_awaitable);
    }
    co_await server.wait();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(value == chosen.n, "every ball comes back");
    co_return found;
  });
}

template <template <class> class Channel>
result mpmc(options const& chosen) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    Channel<std::uint64_t> values(here, bench::mpmc_capacity);
    std::atomic<std::uint64_t> sum{0};
    std::uint64_t const each = chosen.n / bench::mpmc_ends;
    bench::stopwatch const watch;
    group ends(here, 2 * bench::mpmc_ends);
    for (std::uint64_t who = 0; who < bench::mpmc_ends; ++who) {
      ends.start([&, first = who * each]() -> awaitable<void> {
        for (std::uint64_t i = 0; i < each; ++i) {
          co_await values.async_send(asio::error_code(), first + i, use_awaitable);
        }
      });
      ends.start([&]() -> awaitable<void> {
        std::uint64_t mine = 0;
        for (std::uint64_t i = 0; i < each; ++i)
          mine += co_await values.async_receive(use_awaitable);
        sum.fetch_add(mine, std::memory_order_relaxed);
      });
    }
    co_await ends.wait();
    auto const found = bench::per_item(watch, chosen.n);
    std::uint64_t const all = each * bench::mpmc_ends;
    bench::check(sum == all * (all - 1) / 2, "every value arrives once");
    co_return found;
  });
}

template <template <class> class Channel, class Yields>
result lock_and_add(options const& chosen, Yields yields) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    Channel<int> token(here, 1);
    token.try_send(asio::error_code(), 0);
    std::uint64_t sum = 0;
    std::uint64_t const each = chosen.n / bench::mutex_fibers;
    bench::stopwatch const watch;
    group all(here, bench::mutex_fibers);
    for (unsigned who = 0; who < bench::mutex_fibers; ++who) {
      all.start([&]() -> awaitable<void> {
        for (std::uint64_t i = 0; i < each; ++i) {
          // To receive what is there would suspend: trying first is the fast way.
          bool const taken = token.try_receive([](asio::error_code, int) {});
          if (!taken) co_await token.async_receive(use_awaitable);
          ++sum;
          if (yields(i)) co_await asio::post(here, use_awaitable);
          token.try_send(asio::error_code(), 0);
        }
      });
    }
    co_await all.wait();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(sum == each * bench::mutex_fibers, "no increment is lost");
    co_return found;
  });
}

template <template <class> class Channel>
result mutex(options const& chosen) {
  return lock_and_add<Channel>(chosen, [](std::uint64_t) { return false; });
}
template <template <class> class Channel>
result mutex_yield(options const& chosen) {
  return lock_and_add<Channel>(chosen, bench::yields_holding);
}

/// As bench::run_sleepers, of a single thread.
awaitable<void> sleepers(executor here, std::uint64_t n, bench::sleepers_round& round) {
  round.late_ms.assign(n, -1);
  group all(here, n);
  double const before = bench::cpu_us();
  for (std::uint64_t i = 0; i < n; ++i) {
    all.start([&late = round.late_ms[i], here,
               asleep = i * std::chrono::nanoseconds(1'000'000'000) / n]() -> awaitable<void> {
      auto const due = steady_clock::now() + asleep;
      asio::steady_timer timer(here, due);
      co_await timer.async_wait(use_awaitable);
      late = std::chrono::duration<double, std::milli>(steady_clock::now() - due).count();
    });
  }
  co_await all.wait();
  round.cpu_us = (bench::cpu_us() - before) / static_cast<double>(n);
  std::sort(round.late_ms.begin(), round.late_ms.end());
  bench::check(round.late_ms.front() >= 0, "nobody wakes early");
}

template <class Chosen>
result timers_after(options const& chosen, unsigned rounds, Chosen figure) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    bench::sleepers_round round;
    for (unsigned i = 0; i < rounds; ++i) co_await sleepers(here, chosen.n, round);
    co_return figure(round);
  });
}

result timers_cold(options const& chosen) {
  return timers_after(chosen, 1, [](auto const& round) { return result{round.cpu_us, "us"}; });
}
result timers(options const& chosen) {
  return timers_after(chosen, 3, [](auto const& round) { return result{round.cpu_us, "us"}; });
}
template <unsigned Percent>
result timers_late(options const& chosen) {
  return timers_after(chosen, 3, [](auto const& round) {
    return result{round.late_ms[round.late_ms.size() * Percent / 100], "ms"};
  });
}

template <unsigned Percent>
result wake_up(options const& chosen) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    shared_channel<int> bell(here, 1);
    bench::wake_ups all(chosen.n);
    result found{};
    std::thread outside(
        [&] { found = all.measure([&] { bell.try_send(asio::error_code(), 0); }, Percent); });
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      co_await bell.async_receive(use_awaitable);
      all.woken();
    }
    outside.join();
    co_return found;
  });
}

awaitable<void> echo(tcp::socket peer) {
  std::array<char, 64> buffer;
  for (;;) {
    std::error_code error;
    std::size_t const count = co_await peer.async_read_some(
        asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
    if (error == asio::error::eof) co_return;
    if (error) throw std::system_error(error);
    co_await asio::async_write(peer, asio::buffer(buffer, count), use_awaitable);
  }
}

template <bench::neighbourhood (*Who)(options const&), unsigned Percent>
result neighbours(options const& chosen) {
  bench::neighbourhood const who = Who(chosen);
  std::atomic<bool> wanted{true};
  std::thread outside;
  result found{};
  on_workers(chosen, [&](executor here) -> awaitable<result> {
    tcp::acceptor listener(here, {asio::ip::address_v4::loopback(), 0});
    outside = std::thread([&, port = listener.local_endpoint().port()] {
      found = bench::ask(port, who.echoing, chosen.n, Percent);
      wanted = false;
    });
    group all(here, who.echoing + who.computing);
    for (unsigned i = 0; i < who.echoing; ++i) {
      all.start(echo(co_await listener.async_accept(use_awaitable)));
    }
    for (unsigned i = 0; i < who.computing; ++i) {
      all.start([&]() -> awaitable<void> {
        while (wanted.load(std::memory_order_relaxed)) {
          if (!who.yielding) continue;
          bench::compute_for_a_stretch();
          co_await asio::post(here, use_awaitable);
        }
      });
    }
    co_await all.wait();
    co_return result{};
  });
  outside.join();
  return found;
}

/// What coroutines wait for together: a channel that will be closed.
template <template <class> class Channel>
awaitable<void> wait_for_closing(Channel<int>& channel) {
  asio::error_code closed;
  co_await channel.async_receive(asio::redirect_error(use_awaitable, closed));
}

/// Each waits until as many as n have begun.
template <template <class> class Channel>
result spawn_join_all(options const& chosen) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    std::atomic<std::uint64_t> ran{0};
    Channel<int> release(here, 0);
    bench::stopwatch const watch;
    group all(here, chosen.n);
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      all.start([&]() -> awaitable<void> {
        if (ran.fetch_add(1) + 1 == chosen.n) release.close();
        co_await wait_for_closing<Channel>(release);
      });
    }
    co_await all.wait();
    auto const found = bench::per_item(watch, chosen.n);
    bench::check(ran == chosen.n, "every coroutine runs");
    co_return found;
  });
}

/// n coroutines that start together, the one of body(i) for each i: the time until all have ended,
/// for each of `items`.
template <template <class> class Channel, class Body>
awaitable<result> start_together(executor here, std::uint64_t n, std::uint64_t items, Body body) {
  std::atomic<std::uint64_t> ready{0};
  Channel<int> begin(here, 0);
  group all(here, n);
  for (std::uint64_t i = 0; i < n; ++i) {
    all.start([&, i]() -> awaitable<void> {
      ready.fetch_add(1, std::memory_order_relaxed);
      co_await wait_for_closing<Channel>(begin);
      co_await body(i);
    });
  }
  while (ready.load(std::memory_order_relaxed) < n) co_await asio::post(here, use_awaitable);
  bench::stopwatch const watch;
  begin.close();
  co_await all.wait();
  co_return bench::per_item(watch, items);
}

template <template <class> class Channel>
result yield_round(options const& chosen) {
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    std::uint64_t const each = bench::scale_each(chosen.n);
    std::atomic<std::uint64_t> switches{0};
    auto const body = [&](std::uint64_t) -> awaitable<void> {
      std::uint64_t mine = 0;
      for (; mine < each; ++mine) co_await asio::post(here, use_awaitable);
      switches += mine;
    };
    auto const found = co_await start_together<Channel>(here, chosen.n, each * chosen.n, body);
    bench::check(switches == each * chosen.n, "every yield returns");
    co_return found;
  });
}

template <template <class> class Channel>
result ping_pong_pairs(options const& chosen) {
  struct pair {
    explicit pair(executor here) : ping(here, 0), pong(here, 0) {}
    Channel<std::uint64_t> ping, pong;
    std::uint64_t value = 0;
  };
  return on_workers(chosen, [&](executor here) -> awaitable<result> {
    std::uint64_t const each = bench::scale_each(chosen.n);
    std::deque<pair> pairs;
    for (std::uint64_t i = 0; i < chosen.n; ++i) pairs.emplace_back(here);
    auto const body = [&](std::uint64_t i) -> awaitable<void> {
      pair& mine = pairs[i / 2];
      for (std::uint64_t round = 0; round < each; ++round) {
        if (i % 2 == 0) {
          std::uint64_t const ball = co_await mine.ping.async_receive(use_awaitable);
          co_await mine.pong.async_send(asio::error_code(), ball + 1, use_awaitable);
        } else {
          co_await mine.ping.async_send(asio::error_code(), mine.value, use_awaitable);
          mine.value = co_await mine.pong.async_receive(use_awaitable);
        }
      }
    };
    auto const found = co_await start_together<Channel>(here, 2 * chosen.n, each * chosen.n, body);
    for (auto const& one : pairs) bench::check(one.value == each, "every ball comes back");
    co_return found;
  });
}

template <result (*OnOne)(options const&), result (*OnMany)(options const&)>
result on_chosen(options const& chosen) {
  return chosen.workers == 1 ? OnOne(chosen) : OnMany(chosen);
}

}  // namespace

int main(int argc, char** argv) {
  using bench::busy_neighbour, bench::busy_tenth, bench::quiet_neighbour, bench::quiet_tenth;
  return bench::main(
      "asio",
      {{"yield", yield},
       {"spawn_join", spawn_join},
       {"spawn_join_one", spawn_join_one},
       {"hand_in", hand_in},
       {"ping_pong", on_chosen<ping_pong<local_channel>, ping_pong<shared_channel>>},
       {"mpmc", on_chosen<mpmc<local_channel>, mpmc<shared_channel>>},
       {"mutex", mutex<shared_channel>},
       {"mutex_local", mutex<local_channel>},
       {"mutex_yield", mutex_yield<shared_channel>},
       {"timers_cold", timers_cold},
       {"timers", timers},
       {"timers_p50", timers_late<50>},
       {"timers_p99", timers_late<99>},
       {"wake_up", wake_up<50>},
       {"wake_up_p99", wake_up<99>},
       {"busy_neighbour", neighbours<busy_neighbour, 100>},
       {"busy_neighbour_p99", neighbours<busy_neighbour, 99>},
       {"quiet_neighbour", neighbours<quiet_neighbour, 100>},
       {"quiet_neighbour_p99", neighbours<quiet_neighbour, 99>},
       {"busy_tenth", neighbours<busy_tenth, 100>},
       {"busy_tenth_p99", neighbours<busy_tenth, 99>},
       {"quiet_tenth", neighbours<quiet_tenth, 100>},
       {"quiet_tenth_p99", neighbours<quiet_tenth, 99>},
       {"spawn_join_all", on_chosen<spawn_join_all<local_channel>, spawn_join_all<shared_channel>>},
       {"yield_round", on_chosen<yield_round<local_channel>, yield_round<shared_channel>>},
       {"ping_pong_pairs",
        on_chosen<ping_pong_pairs<local_channel>, ping_pong_pairs<shared_channel>>}},
      argc, argv);
}
