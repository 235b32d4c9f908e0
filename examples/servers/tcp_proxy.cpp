// Passes connections on to another server, up to a number of them at once; further ones wait in the
// backlog. Told to end, it accepts no more and lets those that it has come to their end.
#include <ramie/ramie.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

#include "serving.hpp"

using namespace std::chrono_literals;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;

namespace {

struct proxy_options {
  std::uint32_t port = 8080;
  std::uint32_t to_port = 80;
  std::uint32_t max_connections = 1000;
  std::uint32_t patience_ms = 10'000;
};

/// What is cut off ends with a reset at both ends: neither is to take it for the whole.
void converse(tcp_stream& client, std::uint16_t port) {
  tcp_stream server;
  try {
    {
      ramie::deadline_scope const limit(5s);
      server = tcp_stream::connect("127.0.0.1", port);
    }
    client.set_no_delay(true);
    server.set_no_delay(true);
    copy_both_ways(client, server);
  } catch (...) {
    std::error_code ignored;
    client.set_reset_on_close(ignored);
    server.set_reset_on_close(ignored);
    throw;
  }
}

void pass_on(tcp_stream& client, std::uint16_t port) try {
  converse(client, port);
} catch (std::system_error const& error) {
  // One connection's failure does not concern the others.
  std::fprintf(stderr, "connection ended: %s\n", error.what());
}

void serve(proxy_options const& options) {
  ramie::io::signal_set stop{SIGINT, SIGTERM};
  auto listener = tcp_listener::bind("127.0.0.1", static_cast<std::uint16_t>(options.port));
  announce(listener.local_address().port());
  ramie::task_group connections({.max_running = options.max_connections});
  auto accepting = ramie::spawn([&] {
    accept_all(listener, connections,
               [to_port = static_cast<std::uint16_t>(options.to_port)](tcp_stream& client) {
                 pass_on(client, to_port);
               });
  });
  stop.wait();
  listener.close();
  accepting.cancel();  // It may be waiting for a connection to end.
  try {
    accepting.join();
  } catch (ramie::cancelled const&) {
  }
  ramie::deadline_scope const limit{std::chrono::milliseconds(options.patience_ms)};
  connections.wait();
}

}  // namespace

int main(int argc, char** argv) try {
  proxy_options options;
  read_options(argc, argv,
               {{"--port", options.port, 0, 65'535},
                {"--to-port", options.to_port, 1, 65'535},
                {"--max-connections", options.max_connections, 1, 1'000'000},
                {"--patience-ms", options.patience_ms, 0, 1'000'000}});
  raise_descriptor_limit();
  ramie::run({.workers = 1}, [&] { serve(options); });
  return 0;
} catch (ramie::timed_out const&) {
  std::fprintf(stderr, "%s: patience is over: connections were cut off\n", argv[0]);
  return 1;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
