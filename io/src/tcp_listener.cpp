#include <ramie/io/tcp_listener.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "socket.hpp"

namespace ramie::io {

namespace {

bool set_flag(int fd, int option, bool enable) noexcept {
  int const value = enable ? 1 : 0;
  return ::setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) == 0;
}

/// Whether accept should simply be called again: the connection was gone before it was accepted, or
/// a signal came. The errors of accept(2) that belong to the connection, not to the listener.
bool is_transient(int error) noexcept {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case ENONET:
      return true;
    default:
      return false;
  }
}

}  // namespace

tcp_listener tcp_listener::bind(std::string_view host, std::uint16_t port, listen_options options,
                                std::error_code& error) {
  address const where = address::parse(host, port, error);
  if (error) return {};
  int const fd = open_tcp_socket(where.family(), error);
  if (fd < 0) return {};
  tcp_listener result(fd);
  if (!set_flag(fd, SO_REUSEADDR, options.reuse_address) ||
      !set_flag(fd, SO_REUSEPORT, options.reuse_port) ||
      ::bind(fd, where.native(), where.native_size()) != 0 || ::listen(fd, options.backlog) != 0) {
    error = last_error();
    return {};
  }
  return result;
}

tcp_listener tcp_listener::bind(std::string_view host, std::uint16_t port, std::error_code& error) {
  return bind(host, port, listen_options{}, error);
}

tcp_listener tcp_listener::bind(std::string_view host, std::uint16_t port, listen_options options) {
  std::error_code error;
  tcp_listener result = bind(host, port, options, error);
  if (error) fail(error, "bind " + std::string(host) + ":" + std::to_string(port));
  return result;
}

tcp_stream tcp_listener::accept(std::error_code& error) {
  detail::descriptor::operation const running(file_);
  if (!running) {
    error = closed_error();
    return {};
  }
  for (;;) {
    sockaddr_storage native = {};
    socklen_t size = sizeof native;
    int const fd = ::accept4(running.number(), reinterpret_cast<sockaddr*>(&native), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      error.clear();
      return {fd, address::from(reinterpret_cast<sockaddr const*>(&native), size)};
    }
    error = last_error();
    if (is_transient(error.value())) continue;
    if (error != std::errc::operation_would_block) return {};
    error = file_.wait(detail::direction::read);
    if (error) return {};
  }
}

tcp_stream tcp_listener::accept() {
  std::error_code error;
  tcp_stream result = accept(error);
  if (error) {
    std::error_code ignored;
    throw_if(error, "accept at", local_address(ignored));
  }
  return result;
}

address tcp_listener::local_address(std::error_code& error) const {
  return local_address_of(native_handle(), error);
}

address tcp_listener::local_address() const {
  std::error_code error;
  address const result = local_address(error);
  throw_if(error, "local_address of", result);
  return result;
}

}  // namespace ramie::io
