// An HTTP/1.1 server in straight blocking style: keep-alive, pipelining, chunked bodies, limits and
// time-outs against slow clients, static files, and TLS. As several processes on one port, if
// asked.
#include <ramie/io/tls_stream.hpp>
#include <ramie/ramie.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "request_reader.hpp"
#include "serving.hpp"
#include "site.hpp"

using namespace std::chrono_literals;
using ramie::io::duplex_stream;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;

namespace {

struct options {
  std::uint32_t port = 8080;
  std::uint32_t workers = 1;
  std::uint32_t processes = 1;
  std::uint32_t share_port = 0;
  std::uint32_t idle_ms = 60'000;
  std::uint32_t head_ms = 10'000;
  std::uint32_t body_ms = 30'000;
  std::uint32_t write_ms = 30'000;
  std::uint32_t body_size = 1 << 20;
  std::uint32_t patience_ms = 10'000;
  std::string root = ".";
  std::string certificate{};
  std::string key{};
};

options parse(int argc, char** argv) {
  options result;
  constexpr std::uint32_t hour = 3'600'000;
  read_options(
      argc, argv,
      {{"--port", result.port, 0, 65'535},
       {"--workers", result.workers, 1, 1024},
       {"--processes", result.processes, 1, 1024},
       {"--share-port", result.share_port, 0, 1},
       {"--idle-ms", result.idle_ms, 1, hour},
       {"--head-ms", result.head_ms, 1, hour},
       {"--body-ms", result.body_ms, 1, hour},
       {"--write-ms", result.write_ms, 1, hour},
       {"--body-size", result.body_size, 0, 1 << 30},
       {"--patience-ms", result.patience_ms, 1, hour}},
      {{"--root", result.root}, {"--certificate", result.certificate}, {"--key", result.key}});
  return result;
}

class server {
 public:
  explicit server(options const& given)
      : options_(given),
        limits_{.body_size = given.body_size,
                .idle = std::chrono::milliseconds(given.idle_ms),
                .head = std::chrono::milliseconds(given.head_ms),
                .body = std::chrono::milliseconds(given.body_ms),
                .write = std::chrono::milliseconds(given.write_ms)},
        site_(given.root, limits_) {
    if (!given.certificate.empty()) {
      tls_ = ramie::io::tls_context::server({.certificate_chain = given.certificate,
                                             .private_key = given.key,
                                             .protocols = {"http/1.1"}});
    }
  }

  /// Serves until told to end; then the connections have some time to come to an end of their own.
  void run() {
    ramie::io::signal_set stop{SIGINT, SIGTERM};
    auto listener = tcp_listener::bind("127.0.0.1", static_cast<std::uint16_t>(options_.port),
                                       {.reuse_port = options_.share_port != 0});
    announce(listener.local_address().port());
    ramie::task_group connections;
    auto accepting = ramie::spawn(
        [&] { accept_all(listener, connections, [this](tcp_stream& client) { serve(client); }); });
    stop.wait();
    ending_.store(true, std::memory_order_relaxed);
    listener.close();
    accepting.join();
    ramie::deadline_scope const patience{std::chrono::milliseconds(options_.patience_ms)};
    try {
      connections.wait();
    } catch (ramie::timed_out const&) {  // They are idle, or slow.
    }
  }

 private:
  /// One connection's failure does not concern the others.
  void serve(tcp_stream& client) try {
    client.set_no_delay(true);
    if (!tls_) return converse(client, &client);
    ramie::io::tls_stream secure = shake_hands(client);
    converse(secure, nullptr);
  } catch (ramie::timed_out const&) {
  } catch (std::system_error const&) {
  }

  ramie::io::tls_stream shake_hands(tcp_stream& client) const {
    ramie::deadline_scope const limit(limits_.head);
    return ramie::io::tls_stream::accept(*tls_, std::move(client));
  }

  /// Answers one request after the other; those that have come together, together. `plain`: as
  /// web::site's.
  void converse(duplex_stream& client, tcp_stream* plain) const {
    ramie::io::buffered_writer replies(client, 64 * 1024);
    web::request_reader requests(client, replies, limits_);
    try {
      for (bool goes_on = true; goes_on;) {
        auto const asked = requests.next();
        if (!asked) break;
        goes_on = site_.answer(*asked, replies, plain) && !ending_.load(std::memory_order_relaxed);
      }
    } catch (web::refused const& why) {
      site_.refuse(why.status, replies);
    }
    ramie::deadline_scope const limit(limits_.write);
    replies.flush();
    client.shutdown_write();
    // What is unread at the close would reset the connection, and the client lose the last answer.
    ramie::deadline_scope const patience(1s);
    std::array<char, 4096> rest;
    while (client.read_some(rest) != 0) {
    }
  }

  options const options_;
  web::limits const limits_;
  web::site const site_;
  std::optional<ramie::io::tls_context> tls_{};
  // Set once; relaxed: a request that is in time is answered either way.
  std::atomic<bool> ending_{false};
};

/// The same program several times on one port, until told to end; each ends as it would alone.
int run_processes(int argc, char** argv, options const& given) {
  return ramie::run({.workers = 1}, [&] {
    ramie::io::signal_set stop{SIGINT, SIGTERM};
    std::vector<std::string> command(argv, argv + argc);
    for (auto const& more : {"--processes", "1", "--share-port", "1"}) command.emplace_back(more);
    std::vector<ramie::io::process> children;
    for (std::uint32_t i = 0; i < given.processes; ++i) {
      children.push_back(ramie::io::process::spawn(command));
    }
    stop.wait();
    // One may be gone, and its status too where SIGCHLD is ignored: the others end as they would.
    std::error_code error;
    for (auto& child : children) child.kill(SIGTERM, error);
    int failed = 0;
    for (auto& child : children) failed += child.wait(error) && !error ? 0 : 1;
    return failed == 0 ? 0 : 1;
  });
}

}  // namespace

int main(int argc, char** argv) try {
  options const given = parse(argc, argv);
  raise_descriptor_limit();
  if (given.processes > 1) return run_processes(argc, argv, given);
  server serving(given);
  ramie::run({.workers = given.workers}, [&] { serving.run(); });
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
