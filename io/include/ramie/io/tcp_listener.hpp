// A socket that accepts TCP connections.
#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>

#include <ramie/io/address.hpp>
#include <ramie/io/detail/socket_listener.hpp>
#include <ramie/io/tcp_stream.hpp>

namespace ramie::io {

/// How to listen. An aggregate for designated initialisers.
struct listen_options {
  /// Connections that may wait to be accepted; the kernel has a limit of its own (somaxconn).
  int backlog = 4096;
  /// Binds although connections of an earlier listener linger (SO_REUSEADDR).
  bool reuse_address = true;
  /// Lets several listeners share the port (SO_REUSEPORT).
  bool reuse_port = false;
  /// Whether an IPv6 listener leaves the port's IPv4 connections to others (IPV6_V6ONLY); else one
  /// that is bound to "::" takes both.
  bool ipv6_only = false;
};

/// A detail::socket_listener of TCP connections. The two forms of every operation are as
/// input_stream's.
class tcp_listener : public detail::socket_listener {
 public:
  /// Closed.
  tcp_listener() noexcept = default;
  tcp_listener(tcp_listener&&) noexcept = default;
  tcp_listener& operator=(tcp_listener&&) noexcept = default;
  ~tcp_listener() = default;

  /// `host`: a numeric IPv4 or IPv6 address, or "localhost" (127.0.0.1). Port 0: any free one. A
  /// port that is taken: errc::address_in_use.
  static tcp_listener bind(std::string_view host, std::uint16_t port, listen_options options = {});
  static tcp_listener bind(std::string_view host, std::uint16_t port, std::error_code& error);
  static tcp_listener bind(std::string_view host, std::uint16_t port, listen_options options,
                           std::error_code& error);

  /// Waits for a connection. A cancellation point. Connections that were given up before they were
  /// accepted are skipped. Out of descriptors: errc::too_many_files_open (of this process) or
  /// too_many_files_open_in_system; out of memory: errc::no_buffer_space or not_enough_memory. The
  /// connection goes on waiting then, so accept may be called again; that call first waits for
  /// 5 ms, after each further failure for twice as long, up to 1 s.
  tcp_stream accept();
  tcp_stream accept(std::error_code& error);

  address local_address() const;
  address local_address(std::error_code& error) const;

 private:
  explicit tcp_listener(int fd) noexcept : socket_listener(fd) {}
};

}  // namespace ramie::io
