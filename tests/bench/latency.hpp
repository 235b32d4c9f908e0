// What the programs share that measure how soon somebody is answered: samples, and an outside
// client of echo servers that have neighbours.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <list>
#include <thread>
#include <vector>

#include "bench.hpp"

namespace bench {

class samples {
 public:
  explicit samples(std::uint64_t expected) { us_.reserve(expected); }

  void add(stopwatch const& since) { us_.push_back(since.ns() / 1e3); }

  /// The percentile asked for; all the usual ones go to standard error.
  result at(unsigned percent) {
    std::sort(us_.begin(), us_.end());
    std::fprintf(stderr, "us: p50 %.1f, p99 %.1f, max %.1f\n", find(50), find(99), find(100));
    return {find(percent), "us"};
  }

 private:
  double find(unsigned percent) const { return us_[(us_.size() - 1) * percent / 100]; }

  std::vector<double> us_;
};

/// Who runs on the workers: servers of one connection each, and fibers that compute until they are
/// told to end. Those wait for nothing; they may yield after every stretch.
struct neighbourhood {
  unsigned echoing;
  unsigned computing;
  bool yielding;
};

/// As many compute, without a yield, as can without taking every worker.
inline neighbourhood busy_neighbour(options const& chosen) {
  check(chosen.workers > 1, "a busy neighbour needs a second worker");
  return {1, chosen.workers - 1, false};
}

/// Of ten fibers, one computes.
inline neighbourhood busy_tenth(options const&) {
  return {9, 1, true};
}

/// The same servers with nobody computing: what the busy ones are compared with.
inline neighbourhood quiet_neighbour(options const&) {
  return {1, 0, false};
}
inline neighbourhood quiet_tenth(options const&) {
  return {9, 0, false};
}

/// Computes for 10 ms.
inline void compute_for_a_stretch() {
  stopwatch const watch;
  while (watch.ns() < 10e6) {
  }
}

class echo_client {
 public:
  explicit echo_client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where = {};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0, "connected");
    int const on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  echo_client(echo_client const&) = delete;
  echo_client& operator=(echo_client const&) = delete;
  ~echo_client() { ::close(fd_); }

  void ask() const {
    std::array<char, 4> word{'p', 'i', 'n', 'g'};
    bool const sent = ::send(fd_, word.data(), word.size(), MSG_NOSIGNAL) == 4;
    check(sent && ::recv(fd_, word.data(), word.size(), MSG_WAITALL) == 4,
          "every ping is answered");
  }

 private:
  int fd_;
};

/// A plain thread, the outside client, asks one question after another, on one connection after the
/// other, and times each answer. The percentile asked for.
inline result ask(std::uint16_t port, unsigned connections, std::uint64_t questions,
                  unsigned percent) {
  samples taken(questions);
  std::list<echo_client> clients;
  for (unsigned i = 0; i < connections; ++i) clients.emplace_back(port);
  auto next = clients.begin();
  for (std::uint64_t i = 0; i < questions; ++i) {
    stopwatch const watch;
    next->ask();
    taken.add(watch);
    if (++next == clients.end()) next = clients.begin();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // spreads the samples over time
  }
  return taken.at(percent);
}

}  // namespace bench
