// The line servers' client, a plain blocking program: it checks every acknowledgement, and measures
// latency, throughput, and how far a slow server lets it get ahead.
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <future>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <ramie/io/tcp_stream.hpp>

#include "line_protocol.hpp"
#include "program.hpp"

namespace {

constexpr std::uint64_t batch = 16;  // throughput: lines of a connection in flight
constexpr std::size_t short_text = 64;
constexpr std::size_t long_text = 4000;

/// Sends lines and takes their acknowledgements, in any order.
class connection {
 public:
  connection(std::uint16_t port, std::size_t text_size, std::uint64_t lines)
      : stream_(ramie::io::tcp_stream::connect("127.0.0.1", port)),
        text_size_(text_size),
        acknowledged_(lines) {
    stream_.set_no_delay(true);
  }

  void set_send_buffer(int bytes) {
    if (::setsockopt(stream_.native_handle(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) != 0) {
      throw std::system_error(errno, std::system_category(), "SO_SNDBUF");
    }
  }

  void send(std::uint64_t count) {
    std::string text;
    for (std::uint64_t i = 0; i < count; ++i) text += line(sent_++) + '\n';
    stream_.write_all(text);
  }

  /// May be called by another thread than send.
  void receive(std::uint64_t count) {
    for (;;) {
      for (; count > 0; --count) {
        auto const reply = input_.next();
        if (!reply) break;
        take(*reply);
      }
      if (count == 0) return;
      std::size_t const size = stream_.read_some(input_.room());
      program::check(size > 0, "the server acknowledges every line before it closes");
      input_.received(size);
    }
  }

  /// Ends the lines; the server closes then.
  void finish() {
    stream_.shutdown_write();
    bool const nothing = !input_.next() && stream_.read_some(input_.room()) == 0;
    program::check(nothing, "the server acknowledges every line once");
  }

  /// Ends send and receive in other threads.
  void close() noexcept { stream_.close(); }

 private:
  std::string line(std::uint64_t number) const {
    std::string text = std::to_string(number) + ' ';
    text.resize(text.size() + text_size_, static_cast<char>('a' + number % 26));
    return text;
  }

  void take(std::string_view reply) {
    std::uint64_t const number = line_protocol::number(reply);
    program::check(number < acknowledged_.size(), "an acknowledged line was sent");
    program::check(!acknowledged_[number], "a line is acknowledged once");
    std::string const expected = line_protocol::acknowledgement(line(number));
    program::check(std::string(reply) + '\n' == expected, "an acknowledgement has the line's CRC");
    acknowledged_[number] = true;
  }

  ramie::io::tcp_stream stream_;
  line_protocol::splitter input_;
  std::size_t text_size_;
  std::uint64_t sent_ = 0;
  std::vector<bool> acknowledged_;
};

/// One line at a time.
void latency(std::uint16_t port, std::uint64_t lines) {
  connection server(port, short_text, lines);
  program::samples taken(lines);
  for (std::uint64_t i = 0; i < lines; ++i) {
    program::stopwatch const watch;
    server.send(1);
    server.receive(1);
    taken.add(watch.ns());
  }
  server.finish();
  taken.report("latency");
}

void throughput(std::uint16_t port, std::uint64_t count, std::uint64_t batches) {
  std::vector<connection> servers;
  for (std::uint64_t i = 0; i < count; ++i) {
    servers.emplace_back(port, short_text, batch * batches);
  }
  program::stopwatch const watch;
  for (std::uint64_t i = 0; i < batches; ++i) {
    for (connection& each : servers) each.send(batch);
    for (connection& each : servers) each.receive(batch);
  }
  double const seconds = watch.ns() / 1e9;
  for (connection& each : servers) each.finish();
  program::report("throughput", static_cast<double>(count * batch * batches) / seconds, "lines/s");
}

/// Sends as fast as the server lets it.
void flood(std::uint16_t port, std::uint64_t lines) {
  connection server(port, long_text, lines);
  server.set_send_buffer(16 * 1024);
  std::atomic<std::uint64_t> received{0};
  std::uint64_t most_ahead = 0;  // the sender's, until it has ended
  program::stopwatch const watch;
  auto sender = std::async(std::launch::async, [&] {
    for (std::uint64_t sent = 1; sent <= lines; ++sent) {
      server.send(1);
      most_ahead = std::max(most_ahead, sent - received.load(std::memory_order_relaxed));
    }
  });
  try {
    for (std::uint64_t i = 1; i <= lines; ++i) {
      server.receive(1);
      received.store(i, std::memory_order_relaxed);
      if (i == 1) {
        std::printf("# the flood is under way\n");
        std::fflush(stdout);
      }
    }
  } catch (...) {
    server.close();
    throw;
  }
  sender.get();
  double const seconds = watch.ns() / 1e9;
  server.finish();
  program::report("flood", static_cast<double>(lines) / seconds, "lines/s");
  program::report("most_ahead", static_cast<double>(most_ahead), "lines");
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint64_t port = 0, samples = 0, batches = 0, connections = 64, lines = 0;
  program::parse(argc, argv, "drives a line server",
                 {{"port", &port, 1, 65'535, "the server's"},
                  {"samples", &samples, 0, 10'000'000, "lines sent one at a time; 0: skips this"},
                  {"batches", &batches, 0, 10'000'000, "of each connection; 0: skips this"},
                  {"connections", &connections, 1, 10'000, "that send batches"},
                  {"flood", &lines, 0, 10'000'000, "long lines sent at once; 0: skips this"}});
  auto const where = static_cast<std::uint16_t>(port);
  if (samples != 0) latency(where, samples);
  if (batches != 0) throughput(where, connections, batches);
  if (lines != 0) flood(where, lines);
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
