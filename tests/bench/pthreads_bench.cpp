// The workloads on threads of the operating system, through the standard library: what one writes
// without a runtime. There are no workers: as many cores as those would have may be used instead.
#include <sched.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "wake_up.hpp"

namespace {

using bench::options;
using bench::result;

/// Keeps this thread, and so those that it starts, on so many of the cores that it may use, or on
/// all if those are fewer.
void use_cores(unsigned cores) {
  cpu_set_t allowed, chosen;
  CPU_ZERO(&chosen);
  bench::check(::sched_getaffinity(0, sizeof allowed, &allowed) == 0, "sched_getaffinity");
  for (int core = 0; core < CPU_SETSIZE && cores > 0; ++core) {
    if (!CPU_ISSET(core, &allowed)) continue;
    CPU_SET(core, &chosen);
    --cores;
  }
  bench::check(::sched_setaffinity(0, sizeof chosen, &chosen) == 0, "sched_setaffinity");
}

template <result (*Workload)(options const&)>
result on_cores(options const& chosen) {
  use_cores(chosen.workers);
  return Workload(chosen);
}

/// A bounded queue as in every textbook.
template <class T>
class queue {
 public:
  explicit queue(std::size_t capacity) : capacity_(capacity) {}

  void send(T value) {
    {
      std::unique_lock held(lock_);
      not_full_.wait(held, [&] { return values_.size() < capacity_; });
      values_.push_back(value);
    }
    not_empty_.notify_one();
  }

  /// Nothing, once the queue is closed and empty.
  std::optional<T> receive() {
    std::optional<T> value;
    {
      std::unique_lock held(lock_);
      not_empty_.wait(held, [&] { return closed_ || !values_.empty(); });
      if (values_.empty()) return value;
      value = values_.front();
      values_.pop_front();
    }
    not_full_.notify_one();
    return value;
  }

  void close() {
    {
      std::lock_guard const held(lock_);
      closed_ = true;
    }
    not_empty_.notify_all();
  }

 private:
  std::mutex lock_;
  std::condition_variable not_full_, not_empty_;
  std::deque<T> values_;
  std::size_t capacity_;
  bool closed_ = false;
};

result yield(options const& chosen) {
  std::atomic<std::uint64_t> switches = 0;
  auto const yielder = [&] {
    std::uint64_t mine = 0;
    for (; mine < chosen.n / 2; ++mine) std::this_thread::yield();
    switches += mine;
  };
  bench::stopwatch const watch;
  std::thread a(yielder), b(yielder);
  a.join();
  b.join();
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(switches == chosen.n / 2 * 2, "every yield returns");
  return found;
}

result spawn_join(options const& chosen) {
  std::atomic<std::uint64_t> ran{0};
  std::vector<std::thread> all(bench::batch);
  bench::stopwatch const watch;
  for (std::uint64_t i = 0; i < chosen.n / bench::batch; ++i) {
    for (auto& each : all) {
      each = std::thread([&] { ran.fetch_add(1, std::memory_order_relaxed); });
    }
    for (auto& each : all) each.join();
  }
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(ran == chosen.n / bench::batch * bench::batch, "every thread runs");
  return found;
}

result spawn_join_one(options const& chosen) {
  std::uint64_t sum = 0;
  bench::stopwatch const watch;
  for (std::uint64_t i = 0; i < chosen.n; ++i) std::thread([&sum, i] { sum += i; }).join();
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(sum == chosen.n * (chosen.n - 1) / 2, "every result arrives");
  return found;
}

// There is no rendezvous: a queue of one is the smallest.
result ping_pong(options const& chosen) {
  queue<std::uint64_t> ping(1), pong(1);
  bench::stopwatch const watch;
  std::thread server([&] {
    while (auto value = ping.receive()) pong.send(*value + 1);
  });
  std::uint64_t value = 0;
  for (std::uint64_t i = 0; i < chosen.n; ++i) {
    ping.send(value);
    value = *pong.receive();
  }
  ping.close();
  server.join();
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(value == chosen.n, "every ball comes back");
  return found;
}

result mpmc(options const& chosen) {
  queue<std::uint64_t> values(bench::mpmc_capacity);
  std::uint64_t const each = chosen.n / bench::mpmc_ends;
  std::array<std::thread, bench::mpmc_ends> producers, consumers;
  std::atomic<std::uint64_t> sum{0};
  bench::stopwatch const watch;
  for (std::size_t who = 0; who < bench::mpmc_ends; ++who) {
    producers[who] = std::thread([&values, each, first = who * each] {
      for (std::uint64_t i = 0; i < each; ++i) values.send(first + i);
    });
    consumers[who] = std::thread([&] {
      std::uint64_t mine = 0;
      while (auto value = values.receive()) mine += *value;
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

result mutex(options const& chosen) {
  std::mutex lock;
  std::uint64_t sum = 0;
  std::uint64_t const each = chosen.n / bench::mutex_fibers;
  std::vector<std::thread> all(bench::mutex_fibers);
  bench::stopwatch const watch;
  for (auto& one : all) {
    one = std::thread([&] {
      for (std::uint64_t i = 0; i < each; ++i) {
        std::lock_guard const held(lock);
        ++sum;
      }
    });
  }
  for (auto& one : all) one.join();
  auto const found = bench::per_item(watch, chosen.n);
  bench::check(sum == each * bench::mutex_fibers, "no increment is lost");
  return found;
}

// The worker's cores are the sleeper's: who wakes him comes from outside, as of a runtime.
template <unsigned Percent>
result wake_up(options const& chosen) {
  queue<int> bell(1);
  bench::wake_ups all(chosen.n);
  std::thread sleeper([&] {
    use_cores(chosen.workers);
    while (bell.receive()) all.woken();
  });
  auto const found = all.measure([&] { bell.send(0); }, Percent);
  bell.close();
  sleeper.join();
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main("pthreads",
                     {{"yield", on_cores<yield>},
                      {"spawn_join", on_cores<spawn_join>},
                      {"spawn_join_one", on_cores<spawn_join_one>},
                      {"ping_pong", on_cores<ping_pong>},
                      {"mpmc", on_cores<mpmc>},
                      {"mutex", on_cores<mutex>},
                      {"wake_up", wake_up<50>},
                      {"wake_up_p99", wake_up<99>}},
                     argc, argv);
}
