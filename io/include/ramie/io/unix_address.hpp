// Addresses of Unix domain sockets.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace ramie::io {

/// A path, an abstract name, or nothing. A value; as thread-safe as an int.
class unix_address {
 public:
  unix_address() noexcept = default;

  /// `name`: a path; or, where it begins with '\0', an abstract name, which is in no file system
  /// and lives as long as the socket (unix(7)). errc::filename_too_long: it has more than 107
  /// bytes; errc::invalid_argument: it is empty, or a path with a '\0' in it.
  static unix_address parse(std::string_view name, std::error_code& error);

  /// What a socket is bound to for an abstract name of the kernel's choice (unix(7), autobind).
  static unix_address of_any_name() noexcept;

  /// What the operating system filled in. An address of another family gives an empty one.
  static unix_address from(sockaddr const* native, socklen_t size) noexcept;

  /// Whether there is a name: a client's socket has none.
  explicit operator bool() const noexcept { return size_ > offsetof(sockaddr_un, sun_path); }
  /// The path, or the abstract name with its '\0'; empty without one. A view of this address.
  std::string_view name() const noexcept;
  /// The path; an abstract name with an '@' for its '\0', and for each further one; "?".
  std::string to_string() const;

  sockaddr const* native() const noexcept { return reinterpret_cast<sockaddr const*>(&native_); }
  socklen_t native_size() const noexcept { return size_; }

 private:
  sockaddr_un native_{};
  socklen_t size_ = 0;
};

}  // namespace ramie::io
