// How soon ramie reacts. Each workload takes n samples and prints one of their quantiles (in
// microseconds), and the others on standard error. The bounds that they are held against stand in
// sched/DESIGN.md; a timing is never asserted.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include <ramie/ramie.hpp>

#include "bench.hpp"

namespace {

using bench::options;
using bench::result;

class samples {
 public:
  explicit samples(std::uint64_t expected) { us_.reserve(expected); }

  void add(bench::stopwatch const& since) { us_.push_back(since.ns() / 1e3); }

  /// The quantile asked for; all the usual ones go to standard error.
  result at(double quantile) {
    std::sort(us_.begin(), us_.end());
    std::fprintf(stderr, "us: p50 %.1f, p99 %.1f, max %.1f\n", find(0.5), find(0.99), find(1));
    return {find(quantile), "us"};
  }

 private:
  double find(double quantile) const {
    return us_[static_cast<std::size_t>(quantile * static_cast<double>(us_.size() - 1))];
  }

  std::vector<double> us_;
};

void echo(ramie::io::tcp_stream peer) {
  std::array<char, 64> buffer;
  while (std::size_t const n = peer.read_some(buffer)) {
    peer.write_all(std::span<char const>(buffer).first(n));
  }
}

// A plain thread, the outside client, asks one question after another and times each answer.
result ask(std::uint16_t port, std::uint64_t questions) {
  samples taken(questions);
  auto stream = ramie::io::tcp_stream::connect("127.0.0.1", port);
  stream.set_no_delay(true);
  std::array<char, 4> answer{};
  for (std::uint64_t i = 0; i < questions; ++i) {
    bench::stopwatch const watch;
    stream.write_all("ping");
    stream.read_exact(answer);
    taken.add(watch);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // spreads the samples over time
  }
  return taken.at(1);
}

// The longest answer of an echo server while as many fibers compute, without a wait, as can without
// taking every worker.
result busy_neighbour(options const& chosen) {
  bench::check(chosen.workers > 1, "a busy neighbour needs a second worker");
  ramie::runtime runtime({.workers = chosen.workers});
  auto listener = runtime.run([] { return ramie::io::tcp_listener::bind("127.0.0.1", 0); });
  auto server = runtime.spawn([&] { echo(listener.accept()); });
  std::atomic<bool> computing{true};
  std::vector<ramie::join_handle<void>> busy(chosen.workers - 1);
  for (auto& fiber : busy) {
    fiber = runtime.spawn([&] {
      while (computing.load(std::memory_order_relaxed)) {
      }
    });
  }
  auto const found = ask(listener.local_address().port(), chosen.n);
  computing = false;
  for (auto& fiber : busy) fiber.join();
  server.join();
  return found;
}

// The same server with nobody computing: what busy_neighbour is compared with.
result quiet_neighbour(options const& chosen) {
  ramie::runtime runtime({.workers = chosen.workers});
  auto listener = runtime.run([] { return ramie::io::tcp_listener::bind("127.0.0.1", 0); });
  auto server = runtime.spawn([&] { echo(listener.accept()); });
  auto const found = ask(listener.local_address().port(), chosen.n);
  server.join();
  return found;
}

// A plain thread wakes a parked fiber of a runtime that has gone to sleep.
result wake_up(options const& chosen) {
  ramie::runtime runtime({.workers = chosen.workers});
  ramie::auto_reset_event ping, pong;
  samples taken(chosen.n);
  bench::stopwatch watch;
  auto sleeper = runtime.spawn([&] {
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      ping.wait();
      taken.add(watch);
      pong.set();
    }
  });
  for (std::uint64_t i = 0; i < chosen.n; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the workers go to sleep
    watch = {};
    ping.set();
    pong.wait();
  }
  sleeper.join();
  return taken.at(0.5);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main("ramie",
                     {{"busy_neighbour", busy_neighbour},
                      {"quiet_neighbour", quiet_neighbour},
                      {"wake_up", wake_up}},
                     argc, argv);
}
