// A peer of the server in rude_peers_test.cpp, in a process of its own, which uses plain blocking
// sockets: polite, slow, half closed, silent, or gone in the middle of something. It writes the
// number of each acknowledgement that it has checked to its standard output, a line by one
// write(2), so that what it has reported survives SIGKILL. It ends with status 0 if all went as it
// should.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "rude_protocol.hpp"
#include "rude_tunnel.hpp"

namespace {

namespace rude = ramie::test::rude;

struct settings {
  std::string kind;
  std::string transport;
  std::string address;      // a port, or a path
  std::string authorities;  // for TLS
  rude::script records;
  std::uint32_t count;  // of records
};

/// Ends the program, whatever its threads wait for.
[[noreturn]] void complain(std::string const& what) {
  std::fprintf(stderr, "rude_peer: %s\n", what.c_str());
  ::_exit(1);
}

[[noreturn]] void fail(char const* what) {
  complain(std::string(what) + ": " + std::strerror(errno));
}

/// Whether the last call has failed because the server is done with this peer.
bool is_over() {
  return errno == EPIPE || errno == ECONNRESET;
}

class connection {
 public:
  /// `receive_buffer`: 0 leaves it to the system.
  connection(settings const& given, int receive_buffer) {
    if (given.transport == "tls") {
      auto opened = rude::open_tunnel(static_cast<std::uint16_t>(std::stoul(given.address)),
                                      given.authorities, given.kind == "reset");
      fd_ = opened.fd;
      tunnel_ = std::move(opened.runner);
    } else if (given.transport == "unix") {
      connect_to_path(given.address);
    } else {
      connect_to_port(static_cast<std::uint16_t>(std::stoul(given.address)), receive_buffer);
    }
  }
  connection(connection const&) = delete;
  connection& operator=(connection const&) = delete;

  /// Sends pieces of up to `largest` bytes. False: the server has ended the connection.
  bool send(std::string_view bytes, std::size_t largest, std::mt19937_64& random) {
    while (!bytes.empty()) {
      std::size_t const piece = std::min<std::size_t>(bytes.size(), 1 + random() % largest);
      ssize_t const count = ::send(fd_, bytes.data(), piece, MSG_NOSIGNAL);
      if (count < 0 && is_over()) return false;
      if (count < 0) fail("send");
      bytes.remove_prefix(static_cast<std::size_t>(count));
      if (!bytes.empty()) ::sched_yield();  // The server may read a piece by itself.
    }
    return true;
  }

  /// 0: the server has ended the connection.
  std::size_t receive(std::span<char> room) {
    ssize_t const count = ::recv(fd_, room.data(), room.size(), 0);
    if (count < 0 && !is_over()) fail("recv");
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }

  void shutdown_write() {
    if (::shutdown(fd_, SHUT_WR) != 0) fail("shutdown");
  }

  /// Returns when the last byte is on its way.
  void close() {
    ::close(fd_);
    if (tunnel_.joinable()) tunnel_.join();
  }

  /// What is unsent or unread is thrown away, and nothing is said.
  [[noreturn]] void vanish() {
    linger const at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::_exit(0);
  }

 private:
  void connect_to_path(std::string const& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, path.c_str(), sizeof name.sun_path - 1);
    connect_to(AF_UNIX, reinterpret_cast<sockaddr const*>(&name), sizeof name, 0);
  }

  void connect_to_port(std::uint16_t port, int receive_buffer) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(port);
    connect_to(AF_INET, reinterpret_cast<sockaddr const*>(&name), sizeof name, receive_buffer);
    int const yes = 1;
    if (::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0) fail("TCP_NODELAY");
  }

  void connect_to(int family, sockaddr const* name, socklen_t size, int receive_buffer) {
    fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) fail("socket");
    if (receive_buffer != 0 &&
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer) != 0) {
      fail("SO_RCVBUF");
    }
    if (::connect(fd_, name, size) != 0) fail("connect");
  }

  int fd_ = -1;
  std::thread tunnel_;
};

class peer {
 public:
  explicit peer(settings const& given)
      : given_(given), random_(given.records.seed), server_(given, is_deaf() ? 16 * 1024 : 0) {}

  void play() {
    std::map<std::string_view, void (peer::*)()> const kinds = {
        {"polite", &peer::send_and_take_all},
        {"slow_writer", &peer::send_and_take_all},
        {"slow_reader", &peer::send_and_take_all},
        {"half_close", &peer::send_and_take_all},
        {"killed", &peer::send_and_take_all},
        {"silent", &peer::fall_silent},
        {"vanishing", &peer::read_nothing},
        {"reset", &peer::reset},
        {"leaves", &peer::leave}};
    (this->*kinds.at(given_.kind))();
  }

 private:
  bool is_deaf() const { return given_.kind == "slow_reader" || given_.kind == "vanishing"; }

  // --- sending

  bool say_hello() {
    return server_.send(rude::bytes_of(given_.records.peer), largest_piece(), random_);
  }

  std::size_t largest_piece() const {
    if (given_.kind != "slow_writer") return 100'000;
    return given_.records.seed % 2 == 0 ? 1 : 7;
  }

  /// False: the server has ended the connection.
  bool send_records() {
    for (std::uint32_t i = 0; i < given_.count; ++i) {
      if (!server_.send(rude::record(given_.records, i), largest_piece(), random_)) return false;
    }
    return true;
  }

  /// Not all of the record behind the last one, and not nothing.
  bool send_part() {
    std::string const next = rude::record(given_.records, given_.count);
    std::size_t const size = 1 + random_() % (next.size() - 1);
    return server_.send(std::string_view(next).substr(0, size), largest_piece(), random_);
  }

  // --- receiving

  std::string acknowledgement(std::uint32_t sequence) const {
    auto const asked = rude::head_of<rude::record_head>(rude::record(given_.records, sequence));
    return rude::acknowledgement(given_.records, sequence, asked.block_size);
  }

  static void report(std::uint32_t sequence) {
    std::string const line = std::to_string(sequence) + '\n';
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) fail("write");
  }

  /// Takes at least `count` acknowledgements, and with `to_the_end` goes on until the server ends
  /// the connection. Returns how many there were.
  std::uint32_t take(std::uint32_t count, bool to_the_end) {
    std::vector<char> room(given_.kind == "slow_reader" ? 61 : 16 * 1024);
    std::string expected = acknowledgement(0);
    std::size_t at = 0;
    std::uint32_t taken = 0;
    while (taken < count || to_the_end) {
      std::size_t const size = server_.receive(room);
      if (size == 0) return taken;
      for (std::string_view got(room.data(), size); !got.empty();) {
        if (taken == given_.count) complain("an answer to what was not sent");
        std::size_t const part = std::min(got.size(), expected.size() - at);
        if (got.substr(0, part) != std::string_view(expected).substr(at, part)) {
          complain("a wrong answer to record " + std::to_string(taken));
        }
        got.remove_prefix(part);
        at += part;
        if (at != expected.size()) continue;
        report(taken++);
        expected = acknowledgement(taken);
        at = 0;
      }
    }
    return taken;
  }

  // --- what kinds of peers do

  void send_and_take_all() {
    bool const half_close = given_.kind == "half_close";
    std::thread writer([&] {
      if (say_hello() && send_records() && half_close) server_.shutdown_write();
    });
    char go = 0;
    if (given_.kind == "slow_reader" && ::read(STDIN_FILENO, &go, 1) != 1) fail("stdin");
    std::uint32_t const taken = take(given_.count, half_close);
    writer.join();
    server_.close();
    if (taken != given_.count) {
      complain("the server has ended after " + std::to_string(taken) + " acknowledgements");
    }
  }

  void fall_silent() {
    if (say_hello() && send_records()) send_part();
    take(given_.count, true);
    server_.close();
  }

  void read_nothing() {
    if (say_hello()) send_records();
    server_.close();
  }

  void reset() {
    // All of it fits into what the kernel holds, or this would wait.
    if (say_hello() && send_records()) {
      take(static_cast<std::uint32_t>(random_() % given_.count), false);
      send_part();
    }
    server_.vanish();
  }

  void leave() {
    std::string const hello = rude::bytes_of(given_.records.peer);
    server_.send(std::string_view(hello).substr(0, random_() % (hello.size() + 1)), 100, random_);
    server_.close();
  }

  settings const given_;
  std::mt19937_64 random_;  // the sender's
  connection server_;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 10) complain("is started by rude_peers_test only");
  auto const number = [&](int which) { return std::stoull(argv[which]); };
  settings const given{.kind = argv[1],
                       .transport = argv[2],
                       .address = argv[3],
                       .authorities = argv[4],
                       .records = {.peer = static_cast<std::uint32_t>(number(5)),
                                   .seed = number(6),
                                   .largest_payload = static_cast<std::uint32_t>(number(7)),
                                   .largest_block = static_cast<std::uint32_t>(number(8))},
                       .count = static_cast<std::uint32_t>(number(9))};
  peer(given).play();
  return 0;
} catch (std::exception const& error) {
  complain(error.what());
}
