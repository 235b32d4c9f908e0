// The same server with a thread per connection, on blocking sockets.
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

#include "blocking_socket.hpp"
#include "process.hpp"
#include "server.hpp"

namespace {

struct threads {
  using thread = std::thread;
  using mutex = std::mutex;
  using condition_variable = std::condition_variable;
  using listener = blocking::tcp_listener;
  using stream = blocking::tcp_stream;
};

}  // namespace

int main(int argc, char** argv) try {
  server_options const options = parse_options(argc, argv);
  raise_descriptor_limit();
  stop_signals const signals;
  auto listener = blocking::tcp_listener::bind(options.port);
  announce(listener.local_port());
  http_server<threads> server(std::move(listener));
  std::thread stopper([&] {
    signals.wait();
    server.stop();
  });
  server.run();
  stopper.join();
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
