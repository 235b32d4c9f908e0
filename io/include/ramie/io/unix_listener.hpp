// A socket that accepts connections from processes of one machine.
#pragma once

#include <string_view>
#include <system_error>

#include <ramie/io/detail/socket_listener.hpp>
#include <ramie/io/unix_address.hpp>
#include <ramie/io/unix_stream.hpp>

namespace ramie::io {

/// How to listen. An aggregate for designated initialisers.
struct unix_listen_options {
  /// Connections that may wait to be accepted; the kernel has a limit of its own (somaxconn).
  int backlog = 4096;
  /// Takes the place of a socket that an earlier listener has left behind. One that somebody still
  /// listens on stays: errc::address_in_use.
  bool replace_stale = true;
};

/// A detail::socket_listener of Unix domain streams. The socket's file stays when it closes: others
/// may have put their own in its place. The two forms of every operation are as input_stream's.
class unix_listener : public detail::socket_listener {
 public:
  /// Closed.
  unix_listener() noexcept = default;
  unix_listener(unix_listener&&) noexcept = default;
  unix_listener& operator=(unix_listener&&) noexcept = default;
  ~unix_listener() = default;

  /// `name`: as unix_address::parse takes it. A path where something is: errc::address_in_use.
  static unix_listener bind(std::string_view name, unix_listen_options options = {});
  static unix_listener bind(std::string_view name, std::error_code& error);
  static unix_listener bind(std::string_view name, unix_listen_options options,
                            std::error_code& error);

  /// Waits for a connection, as tcp_listener's.
  unix_stream accept();
  unix_stream accept(std::error_code& error);

  /// Empty if it is closed.
  unix_address local_address() const noexcept { return is_open() ? where_ : unix_address(); }

 private:
  unix_listener(int fd, unix_address const& where) noexcept : socket_listener(fd), where_(where) {}

  unix_address where_;
};

}  // namespace ramie::io
