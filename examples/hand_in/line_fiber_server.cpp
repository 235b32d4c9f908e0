// Hand-in by the completion of I/O, on ramie. A connection's reader, which a read wakes, hands
// lines to its workers through a bounded channel. While the workers are slow the channel is full,
// the reader waits and does not read, and so the peer's sends wait too.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <string>

#include <ramie/ramie.hpp>

#include "line_protocol.hpp"
#include "line_server.hpp"
#include "serving.hpp"

namespace {

using ramie::io::tcp_listener;
using ramie::io::tcp_stream;

constexpr std::size_t channel_capacity = 16;
constexpr int workers_per_connection = 4;

class line_server {
 public:
  explicit line_server(line_server_options const& options)
      : options_(options), listener_(tcp_listener::bind("127.0.0.1", options.port)) {}

  std::uint16_t port() const { return listener_.local_address().port(); }
  std::uint64_t acknowledged() const { return acknowledged_.load(std::memory_order_relaxed); }

  /// Accepts until stop() is called, then waits for the connections to end: all that their peers
  /// send is acknowledged. Throws timed_out, and has cut them off, if that takes too long.
  void run() {
    ramie::task_group connections;
    accept_all(listener_, connections, [this](tcp_stream& client) { serve(client); });
    ramie::deadline_scope const limit(options_.patience);
    connections.wait();
  }

  /// Any thread.
  void stop() noexcept { listener_.close(); }

 private:
  /// One connection's failure does not concern the others.
  void serve(tcp_stream& client) {
    try {
      client.set_no_delay(true);
      acknowledge_all(client);
    } catch (std::runtime_error const& error) {
      std::fprintf(stderr, "connection ended: %s\n", error.what());
    }
  }

  void acknowledge_all(tcp_stream& client) {
    ramie::channel<std::string> lines(channel_capacity);
    ramie::mutex writing;
    ramie::task_group tasks;  // The first that fails ends the others.
    for (int i = 0; i < workers_per_connection; ++i) {
      tasks.spawn([&] {
        for (std::string const& line : lines) {
          std::string const reply = process(line);
          std::lock_guard const guard(writing);
          client.write_all(reply);
          acknowledged_.fetch_add(1, std::memory_order_relaxed);
        }
      });
    }
    tasks.spawn([&] {
      line_protocol::splitter input;
      while (std::size_t const count = client.read_some(input.room())) {
        input.received(count);
        while (auto const line = input.next()) lines.send(std::string(*line));
      }
      lines.close();
    });
    tasks.wait();
  }

  std::string process(std::string const& line) const {
    if (options_.processing.count() != 0) ramie::this_fiber::sleep_for(options_.processing);
    return line_protocol::acknowledgement(line);
  }

  line_server_options options_;
  tcp_listener listener_;
  std::atomic<std::uint64_t> acknowledged_{0};
};

}  // namespace

int main(int argc, char** argv) try {
  auto const options = parse_line_server(argc, argv);
  raise_descriptor_limit();
  line_server server(options);
  stop_on_signal const stopper([&] { server.stop(); });
  announce(server.port());
  ramie::run({.workers = 1}, [&] { server.run(); });
  program::report("acknowledged", static_cast<double>(server.acknowledged()), "lines");
  return 0;
} catch (ramie::timed_out const&) {
  std::fprintf(stderr, "%s: patience is over: clients were cut off\n", argv[0]);
  return 1;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
