// The same with a thread per connection and blocking sockets: the thread that reads a line
// processes and acknowledges it before it reads on.
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "blocking_socket.hpp"
#include "line_protocol.hpp"
#include "line_server.hpp"

namespace {

using blocking::tcp_listener;
using blocking::tcp_stream;

class line_server {
 public:
  explicit line_server(line_server_options const& options)
      : options_(options), listener_(tcp_listener::bind(options.port)) {}

  std::uint16_t port() const { return listener_.local_port(); }

  /// In connections that have ended.
  std::uint64_t acknowledged() {
    std::lock_guard const guard(mutex_);
    return acknowledged_;
  }

  /// Accepts until stop() is called, then waits for the connections to end: all that their peers
  /// send is acknowledged. False, and it has cut them off, if that takes too long.
  bool run() {
    std::list<connection> connections;
    for (;;) {
      std::error_code error;
      tcp_stream client = listener_.accept(error);
      if (error == std::errc::operation_canceled) break;
      if (error) throw std::system_error(error, "accept");
      std::unique_lock lock(mutex_);
      connections.remove_if([](connection const& each) { return each.ended; });
      connections.emplace_back(*this, std::move(client));
      ++live_;
    }
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, options_.patience, [&] { return live_ == 0; });
  }

  /// Any thread.
  void stop() noexcept { listener_.close(); }

 private:
  /// Cut off, if need be, and waited for when it is destroyed.
  struct connection {
    connection(line_server& server, tcp_stream accepted)
        : client(std::move(accepted)), thread([this, &server] { server.serve(*this); }) {}
    ~connection() { client.close(); }

    tcp_stream client;
    bool ended = false;  // guarded by the server's mutex_; the thread does not lock it any more
    std::jthread thread;
  };

  void serve(connection& self) {
    std::uint64_t count = 0;
    try {
      self.client.set_no_delay(true);
      acknowledge_all(self.client, count);
    } catch (std::runtime_error const& error) {
      std::fprintf(stderr, "connection ended: %s\n", error.what());
    }
    self.client.close();
    std::lock_guard const guard(mutex_);
    acknowledged_ += count;
    --live_;
    self.ended = true;
    ended_.notify_one();
  }

  void acknowledge_all(tcp_stream& client, std::uint64_t& count) const {
    line_protocol::splitter input;
    while (std::size_t const size = client.read_some(input.room())) {
      input.received(size);
      while (auto const line = input.next()) {
        if (options_.processing.count() != 0) std::this_thread::sleep_for(options_.processing);
        client.write_all(line_protocol::acknowledgement(*line));
        ++count;
      }
    }
  }

  line_server_options options_;
  tcp_listener listener_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::uint64_t live_ = 0;  // this and the next: guarded by mutex_
  std::uint64_t acknowledged_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
  auto const options = parse_line_server(argc, argv);
  raise_descriptor_limit();
  line_server server(options);
  stop_on_signal const stopper([&] { server.stop(); });
  announce(server.port());
  if (!server.run()) throw std::runtime_error("patience is over: clients were cut off");
  program::report("acknowledged", static_cast<double>(server.acknowledged()), "lines");
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
