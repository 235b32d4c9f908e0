// Internet socket addresses.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace ramie::io {

/// An IPv4 or IPv6 address with a port, or nothing. A value; as thread-safe as an int.
class address {
 public:
  address() noexcept : storage_{} {}

  /// `host`: a numeric IPv4 or IPv6 address (the latter with or without brackets), or "localhost",
  /// which is 127.0.0.1. Sets `error` to errc::unresolved_name for anything else.
  static address parse(std::string_view host, std::uint16_t port, std::error_code& error);

  /// What the operating system filled in. An address of another family gives an empty one.
  static address from(sockaddr const* native, socklen_t size) noexcept;

  /// Whether there is an address.
  explicit operator bool() const noexcept { return family() != AF_UNSPEC; }
  /// AF_INET, AF_INET6 or AF_UNSPEC.
  int family() const noexcept { return storage_.any.sa_family; }
  /// The numeric address; empty without one.
  std::string host() const;
  std::uint16_t port() const noexcept;
  /// "127.0.0.1:80", "[::1]:80" or "?".
  std::string to_string() const;

  sockaddr const* native() const noexcept { return &storage_.any; }
  socklen_t native_size() const noexcept;

 private:
  union storage {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  storage storage_;
};

}  // namespace ramie::io
