#include <ramie/io/tcp_listener.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "failure.hpp"
#include "sockets.hpp"

namespace ramie::io {

using detail::set_option;

tcp_listener tcp_listener::bind(std::string_view host, std::uint16_t port, listen_options options,
                                std::error_code& error) {
  address const where = address::parse(host, port, error);
  if (error) return {};
  int const fd = detail::open_socket(where.family(), SOCK_STREAM, error);
  if (fd < 0) return {};
  tcp_listener result(fd);
  set_option(result.file_, SOL_SOCKET, SO_REUSEADDR, int{options.reuse_address}, error);
  if (!error) set_option(result.file_, SOL_SOCKET, SO_REUSEPORT, int{options.reuse_port}, error);
  if (!error && where.family() == AF_INET6) {
    set_option(result.file_, IPPROTO_IPV6, IPV6_V6ONLY, int{options.ipv6_only}, error);
  }
  if (error) return {};
  if (::bind(fd, where.native(), where.native_size()) != 0 || ::listen(fd, options.backlog) != 0) {
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
  sockaddr_storage peer;
  socklen_t size = 0;
  auto const [fd, is_fresh] = accept_one(peer, size, error);
  if (fd < 0) return {};
  tcp_stream result{detail::descriptor(fd),
                    address::from(reinterpret_cast<sockaddr const*>(&peer), size)};
  result.expect_data_later(is_fresh);
  return result;
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
  return detail::local_address_of(native_handle(), error);
}

address tcp_listener::local_address() const {
  std::error_code error;
  address const result = local_address(error);
  throw_if(error, "local_address of", result);
  return result;
}

}  // namespace ramie::io
