// An echo server and a client: blocking code, one fiber per connection.
#include <array>
#include <cstdio>
#include <ramie/ramie.hpp>

static void echo(ramie::io::tcp_stream peer) {
  std::array<char, 4096> buffer;
  while (std::size_t n = peer.read_some(buffer)) {  // parks the fiber, not the thread
    peer.write_all(std::span<char const>(buffer).first(n));
  }
}

int main() {
  ramie::run([] {
    auto listener = ramie::io::tcp_listener::bind("127.0.0.1", 0);
    auto server = ramie::spawn([&] { echo(listener.accept()); });
    auto client = ramie::io::tcp_stream::connect("127.0.0.1", listener.local_address().port());
    client.write_all("hello, fibers\n");
    std::array<char, 14> reply;
    client.read_exact(reply);
    std::fwrite(reply.data(), 1, reply.size(), stdout);
    client.shutdown_write();  // the server reads the end of the stream
    server.join();
  });
}
