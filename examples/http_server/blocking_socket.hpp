// Blocking sockets with the interface of ramie's, as far as the server uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace blocking {

/// Owns a socket. Another thread may call close(), which ends what blocks on it; the number itself
/// is given back by the owner.
class socket {
 public:
  socket() noexcept = default;
  explicit socket(int fd) noexcept : fd_(fd) {}
  socket(socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  socket& operator=(socket&& other) noexcept;
  ~socket();

  void close() noexcept;
  int number() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

class tcp_stream {
 public:
  tcp_stream() noexcept = default;
  explicit tcp_stream(int fd) noexcept : socket_(fd) {}

  std::size_t read_some(std::span<char> into);
  void write_all(std::string_view text);
  void set_no_delay(bool enable);
  void close() noexcept { socket_.close(); }

 private:
  socket socket_;
};

class tcp_listener {
 public:
  /// On 127.0.0.1.
  static tcp_listener bind(std::uint16_t port);
  /// operation_canceled once it is closed.
  tcp_stream accept(std::error_code& error);
  std::uint16_t local_port() const;
  void close() noexcept { socket_.close(); }

 private:
  explicit tcp_listener(int fd) noexcept : socket_(fd) {}

  socket socket_;
};

}  // namespace blocking
