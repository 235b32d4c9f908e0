// A UDP socket.
#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>

#include <ramie/io/address.hpp>
#include <ramie/io/detail/datagram_socket.hpp>

namespace ramie::io {

/// How to bind. An aggregate for designated initialisers.
struct udp_options {
  /// Lets several sockets share the port (SO_REUSEPORT); each sender's datagrams go to one of them.
  bool reuse_port = false;
  /// Whether an IPv6 socket leaves IPv4 to others (IPV6_V6ONLY).
  bool ipv6_only = false;
  /// Whether it may send to broadcast addresses (SO_BROADCAST).
  bool broadcast = false;
};

/// A detail::datagram_socket of the internet.
class udp_socket : public detail::datagram_socket<address> {
 public:
  /// Closed.
  udp_socket() noexcept = default;
  udp_socket(udp_socket&&) noexcept = default;
  udp_socket& operator=(udp_socket&&) noexcept = default;
  ~udp_socket() = default;

  /// `host`: as address::parse takes it. Port 0: any free one. A port that is taken:
  /// errc::address_in_use.
  static udp_socket bind(std::string_view host, std::uint16_t port, udp_options options = {});
  static udp_socket bind(std::string_view host, std::uint16_t port, std::error_code& error);
  static udp_socket bind(std::string_view host, std::uint16_t port, udp_options options,
                         std::error_code& error);

  /// A socket, on any free port, that sends to and receives from one peer only.
  static udp_socket connect(std::string_view host, std::uint16_t port);
  static udp_socket connect(std::string_view host, std::uint16_t port, std::error_code& error);
  static udp_socket connect(address const& peer);
  static udp_socket connect(address const& peer, std::error_code& error);

 private:
  explicit udp_socket(int fd) noexcept : datagram_socket(fd) {}
};

}  // namespace ramie::io
