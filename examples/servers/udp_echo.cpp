// Sends every datagram back to whoever has sent it, up to 64 by one system call.
#include <ramie/ramie.hpp>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <system_error>
#include <vector>

#include "serving.hpp"

using ramie::io::udp_socket;

namespace {

constexpr std::size_t largest = 65'535;
constexpr std::size_t at_once = 64;

void echo(udp_socket& socket) {
  std::vector<std::array<char, largest>> rooms(at_once);
  std::vector<udp_socket::incoming> incoming;
  for (auto& room : rooms) incoming.push_back({room});
  for (;;) {
    std::size_t const count = socket.receive_batch(incoming);
    std::vector<udp_socket::outgoing> replies;
    for (std::size_t i = 0; i < count; ++i) {
      replies.push_back({std::span(rooms[i]).first(incoming[i].what.size), incoming[i].what.from});
    }
    std::span<udp_socket::outgoing const> left(replies);
    while (!left.empty()) {
      std::error_code error;
      std::size_t const sent = socket.send_batch(left, error);
      left =
          left.subspan(error ? 1 : sent);  // One that can't be answered does not stop the others.
    }
  }
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint32_t port = 7007;
  read_options(argc, argv, {{"--port", port, 0, 65'535}});
  ramie::run({.workers = 1}, [&] {
    ramie::io::signal_set stop{SIGINT, SIGTERM};
    auto socket = udp_socket::bind("127.0.0.1", static_cast<std::uint16_t>(port));
    announce(socket.local_address().port());
    auto server = ramie::spawn([&] { echo(socket); });
    ramie::select(ramie::on_readable(stop, [&] { stop.wait(); }),
                  ramie::on_join(server, [&] { server.join(); }));
  });
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
