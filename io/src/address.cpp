#include <ramie/io/address.hpp>

#include <arpa/inet.h>

#include <cstring>

#include <ramie/io/error.hpp>

namespace ramie::io {

address address::parse(std::string_view host, std::uint16_t port, std::error_code& error) {
  error.clear();
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  address result;
  std::string const text(host);  // inet_pton wants a terminator.
  bool const terminated = host.find('\0') == std::string_view::npos;
  if (terminated && ::inet_pton(AF_INET, text.c_str(), &result.storage_.v4.sin_addr) == 1) {
    result.storage_.v4.sin_family = AF_INET;
    result.storage_.v4.sin_port = htons(port);
    return result;
  }
  result = address();
  if (terminated && ::inet_pton(AF_INET6, text.c_str(), &result.storage_.v6.sin6_addr) == 1) {
    result.storage_.v6.sin6_family = AF_INET6;
    result.storage_.v6.sin6_port = htons(port);
    return result;
  }
  error = errc::unresolved_name;
  return address();
}

address address::from(sockaddr const* native, socklen_t size) noexcept {
  address result;
  if (size >= sizeof(sockaddr_in6) && native->sa_family == AF_INET6) {
    std::memcpy(&result.storage_.v6, native, sizeof(sockaddr_in6));
  } else if (size >= sizeof(sockaddr_in) && native->sa_family == AF_INET) {
    std::memcpy(&result.storage_.v4, native, sizeof(sockaddr_in));
  }
  return result;
}

std::string address::host() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) ::inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
  if (family() == AF_INET6) ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
  return text;
}

std::uint16_t address::port() const noexcept {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

std::string address::to_string() const {
  if (!*this) return "?";
  std::string const name = family() == AF_INET6 ? "[" + host() + "]" : host();
  return name + ":" + std::to_string(port());
}

socklen_t address::native_size() const noexcept {
  return family() == AF_INET ? sizeof(sockaddr_in)
                             : (family() == AF_INET6 ? sizeof(sockaddr_in6) : 0);
}

}  // namespace ramie::io
