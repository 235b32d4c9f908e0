// A socket that accepts TCP connections.
#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>

#include <ramie/io/address.hpp>
#include <ramie/io/detail/descriptor.hpp>
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
};

/// Listens until it is closed or destroyed. Move-only; default-constructed and moved-from ones are
/// closed. One fiber or thread accepts at a time; a second one that has to wait gets
/// errc::device_or_resource_busy. `close` may be called by another one, and ends a waiting accept
/// with errc::operation_canceled. The two forms of every operation are as tcp_stream's.
class tcp_listener {
 public:
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
  /// too_many_files_open_in_system; the connection goes on waiting, so accept may be tried again.
  tcp_stream accept();
  tcp_stream accept(std::error_code& error);

  address local_address() const;
  address local_address(std::error_code& error) const;

  bool is_open() const noexcept { return file_.is_open(); }
  void close() noexcept { file_.close(); }
  /// The descriptor, or -1; it stays the listener's.
  int native_handle() const noexcept { return file_.number(); }

 private:
  friend struct detail::descriptor_access;
  explicit tcp_listener(int fd) noexcept : file_(fd) {}

  detail::descriptor file_;
};

}  // namespace ramie::io
