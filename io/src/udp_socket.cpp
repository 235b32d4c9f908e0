#include <ramie/io/udp_socket.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <utility>

#include "failure.hpp"
#include "sockets.hpp"

namespace ramie::io {

using detail::set_option;

udp_socket udp_socket::bind(std::string_view host, std::uint16_t port, udp_options options,
                            std::error_code& error) {
  address const where = address::parse(host, port, error);
  if (error) return {};
  int const fd = detail::open_socket(where.family(), SOCK_DGRAM, error);
  if (fd < 0) return {};
  udp_socket result(fd);
  set_option(result.file_, SOL_SOCKET, SO_REUSEPORT, int{options.reuse_port}, error);
  if (!error) set_option(result.file_, SOL_SOCKET, SO_BROADCAST, int{options.broadcast}, error);
  if (!error && where.family() == AF_INET6) {
    set_option(result.file_, IPPROTO_IPV6, IPV6_V6ONLY, int{options.ipv6_only}, error);
  }
  if (!error && ::bind(fd, where.native(), where.native_size()) != 0) error = last_error();
  return error ? udp_socket() : std::move(result);
}

udp_socket udp_socket::bind(std::string_view host, std::uint16_t port, std::error_code& error) {
  return bind(host, port, udp_options{}, error);
}

udp_socket udp_socket::bind(std::string_view host, std::uint16_t port, udp_options options) {
  std::error_code error;
  udp_socket result = bind(host, port, options, error);
  if (error) fail(error, "bind " + std::string(host) + ":" + std::to_string(port));
  return result;
}

udp_socket udp_socket::connect(address const& peer, std::error_code& error) {
  int const fd = detail::open_socket(peer.family(), SOCK_DGRAM, error);
  if (fd < 0) return {};
  udp_socket result(fd);
  result.connect_to(peer, error);
  return error ? udp_socket() : std::move(result);
}

udp_socket udp_socket::connect(std::string_view host, std::uint16_t port, std::error_code& error) {
  address const peer = address::parse(host, port, error);
  return error ? udp_socket() : connect(peer, error);
}

udp_socket udp_socket::connect(address const& peer) {
  std::error_code error;
  udp_socket result = connect(peer, error);
  throw_if(error, "connect", peer);
  return result;
}

udp_socket udp_socket::connect(std::string_view host, std::uint16_t port) {
  std::error_code error;
  udp_socket result = connect(host, port, error);
  if (error) fail(error, "connect " + std::string(host) + ":" + std::to_string(port));
  return result;
}

}  // namespace ramie::io
