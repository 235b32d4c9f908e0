// The server on fibers: a fiber per connection, on a few workers.
#include <cstdio>
#include <exception>
#include <thread>

#include <ramie/ramie.hpp>

#include "process.hpp"
#include "server.hpp"

namespace {

struct fibers {
  using thread = ramie::thread;
  using mutex = ramie::mutex;
  using condition_variable = ramie::condition_variable;
  using listener = ramie::io::tcp_listener;
  using stream = ramie::io::tcp_stream;
};

}  // namespace

int main(int argc, char** argv) try {
  server_options const options = parse_options(argc, argv);
  raise_descriptor_limit();
  stop_signals const signals;
  auto listener = ramie::io::tcp_listener::bind("127.0.0.1", options.port);
  announce(listener.local_address().port());
  http_server<fibers> server(std::move(listener));
  std::thread stopper([&] {
    signals.wait();
    server.stop();
  });
  // A connection needs little more than its buffer.
  ramie::run({.workers = options.workers, .stack_size = 64 * 1024}, [&] { server.run(); });
  stopper.join();
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
