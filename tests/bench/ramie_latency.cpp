// How soon ramie reacts. Each workload takes n samples and prints one of their percentiles (in
// microseconds), and the others on standard error. The bounds that they are held against stand in
// sched/DESIGN.md; a timing is never asserted.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <ramie/ramie.hpp>

#include "bench.hpp"
#include "latency.hpp"
#include "wake_up.hpp"

namespace {

using bench::options;
using bench::result;

void echo(ramie::io::tcp_stream peer) {
  std::array<char, 64> buffer;
  while (std::size_t const n = peer.read_some(buffer)) {
    peer.write_all(std::span<char const>(buffer).first(n));
  }
}

// One fiber accepts all: the others serve until their connection is closed.
void serve(ramie::io::tcp_listener& listener, unsigned connections) {
  std::vector<ramie::join_handle<void>> servers;
  for (unsigned i = 0; i < connections; ++i) {
    servers.push_back(
        ramie::spawn([peer = listener.accept()]() mutable { echo(std::move(peer)); }));
  }
  for (auto& server : servers) server.join();
}

void compute(std::atomic<bool> const& wanted, bool yielding) {
  while (wanted.load(std::memory_order_relaxed)) {
    if (!yielding) continue;
    bench::compute_for_a_stretch();
    ramie::this_fiber::yield();
  }
}

template <bench::neighbourhood (*Who)(options const&), unsigned Percent>
result neighbours(options const& chosen) {
  bench::neighbourhood const who = Who(chosen);
  ramie::runtime runtime({.workers = chosen.workers});
  auto listener = runtime.run([] { return ramie::io::tcp_listener::bind("127.0.0.1", 0); });
  auto server = runtime.spawn([&] { serve(listener, who.echoing); });
  std::atomic<bool> wanted{true};
  std::vector<ramie::join_handle<void>> busy(who.computing);
  for (auto& fiber : busy) {
    fiber = runtime.spawn([&] { compute(wanted, who.yielding); });
  }
  auto const found = bench::ask(listener.local_address().port(), who.echoing, chosen.n, Percent);
  wanted = false;
  for (auto& fiber : busy) fiber.join();
  server.join();
  return found;
}

// A plain thread wakes a parked fiber of a runtime that has gone to sleep.
template <unsigned Percent>
result wake_up(options const& chosen) {
  ramie::runtime runtime({.workers = chosen.workers});
  ramie::auto_reset_event bell;
  bench::wake_ups all(chosen.n);
  auto sleeper = runtime.spawn([&] {
    for (std::uint64_t i = 0; i < chosen.n; ++i) {
      bell.wait();
      all.woken();
    }
  });
  auto const found = all.measure([&] { bell.set(); }, Percent);
  sleeper.join();
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  using bench::busy_neighbour, bench::busy_tenth, bench::quiet_neighbour, bench::quiet_tenth;
  return bench::main("ramie",
                     {{"busy_neighbour", neighbours<busy_neighbour, 100>},
                      {"busy_neighbour_p99", neighbours<busy_neighbour, 99>},
                      {"quiet_neighbour", neighbours<quiet_neighbour, 100>},
                      {"quiet_neighbour_p99", neighbours<quiet_neighbour, 99>},
                      {"busy_tenth", neighbours<busy_tenth, 100>},
                      {"busy_tenth_p99", neighbours<busy_tenth, 99>},
                      {"quiet_tenth", neighbours<quiet_tenth, 100>},
                      {"quiet_tenth_p99", neighbours<quiet_tenth, 99>},
                      {"wake_up", wake_up<50>},
                      {"wake_up_p99", wake_up<99>}},
                     argc, argv);
}
