// A server that speaks the Redis protocol: a fiber per connection, pipelined commands answered
// together, one store for all. Told to end, it lets nobody in, and the connections go.
#include <ramie/ramie.hpp>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "resp.hpp"
#include "serving.hpp"
#include "store.hpp"

using ramie::io::tcp_listener;
using ramie::io::tcp_stream;

namespace {

constexpr std::size_t many_replies = 64 * 1024;

/// A connection to read commands from: before it waits for more of them, the peer gets the replies
/// to those that it has sent.
class session final : public ramie::io::input_stream {
 public:
  explicit session(tcp_stream& peer) : peer_(peer), reply_(replies_) {}

  void serve(store& data) {
    resp::command_reader commands(*this);
    try {
      for (auto words = commands.next(); !words.empty(); words = commands.next()) {
        data.execute(words, reply_);
        if (replies_.size() >= many_replies) flush();
      }
    } catch (resp::protocol_error const& error) {
      reply_.error(std::string("ERR Protocol error: ") + error.what());
    }
    flush();
  }

  std::string describe() const override { return peer_.describe(); }

 private:
  void flush() {
    peer_.write_all(replies_);
    replies_.clear();
  }

  std::size_t do_read_some(std::span<ramie::io::mutable_buffer const> into,
                           std::error_code& error) override {
    peer_.write_all(replies_, error);
    if (error) return 0;
    replies_.clear();
    return peer_.read_some(into, error);
  }

  tcp_stream& peer_;
  std::string replies_;
  resp::reply_writer reply_;
};

void serve(tcp_stream& client, store& data) try {
  client.set_no_delay(true);
  session(client).serve(data);
} catch (std::system_error const& error) {
  std::fprintf(stderr, "connection ended: %s\n", error.what());
}

void run(std::uint16_t port) {
  ramie::io::signal_set stop{SIGINT, SIGTERM};
  auto listener = tcp_listener::bind("127.0.0.1", port);
  announce(listener.local_address().port());
  store data;
  ramie::task_group connections;
  auto accepting = ramie::spawn([&] {
    accept_all(listener, connections, [&data](tcp_stream& client) { serve(client, data); });
  });
  stop.wait();
  listener.close();
  accepting.join();
  connections.cancel();
  connections.wait();
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint32_t port = 6379;
  std::uint32_t workers = 1;
  read_options(argc, argv, {{"--port", port, 0, 65'535}, {"--workers", workers, 1, 1024}});
  raise_descriptor_limit();
  ramie::run({.workers = workers}, [&] { run(static_cast<std::uint16_t>(port)); });
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
