#include <ramie/io/tcp_stream.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <utility>

#include <ramie/io/resolve.hpp>

#include "connect.hpp"
#include "failure.hpp"
#include "sockets.hpp"

namespace ramie::io {

using detail::set_option;

// --- connect

tcp_stream tcp_stream::connect(address const& peer, std::error_code& error) {
  int const fd = detail::open_socket(peer.family(), SOCK_STREAM, error);
  if (fd < 0) return {};
  tcp_stream result(detail::descriptor(fd), peer);
  detail::connect_socket(result.file_, peer.native(), peer.native_size(), error);
  return error ? tcp_stream() : std::move(result);
}

tcp_stream tcp_stream::connect_to_any(std::span<address const> peers, std::error_code& error) {
  if (error) return {};
  if (peers.size() == 1) return connect(peers.front(), error);
  detail::connected made = detail::connect_to_any(peers, error);
  return error ? tcp_stream() : tcp_stream(std::move(made.file), made.peer);
}

tcp_stream tcp_stream::connect(std::string_view host, std::uint16_t port, std::error_code& error) {
  auto const peers = resolve(host, port, error);
  return connect_to_any(peers, error);
}

tcp_stream tcp_stream::connect(std::string_view host, std::string_view service,
                               std::error_code& error) {
  auto const peers = resolve(host, service, error);
  return connect_to_any(peers, error);
}

tcp_stream tcp_stream::connect(address const& peer) {
  std::error_code error;
  tcp_stream result = connect(peer, error);
  throw_if(error, "connect", peer);
  return result;
}

tcp_stream tcp_stream::connect(std::string_view host, std::uint16_t port) {
  std::error_code error;
  tcp_stream result = connect(host, port, error);
  if (error) fail(error, "connect " + std::string(host) + ":" + std::to_string(port));
  return result;
}

tcp_stream tcp_stream::connect(std::string_view host, std::string_view service) {
  std::error_code error;
  tcp_stream result = connect(host, service, error);
  if (error) fail(error, "connect " + std::string(host) + ":" + std::string(service));
  return result;
}

// --- options

void tcp_stream::set_no_delay(bool enable, std::error_code& error) {
  set_option(file_, IPPROTO_TCP, TCP_NODELAY, int{enable}, error);
}

void tcp_stream::set_keep_alive(keep_alive const& how, std::error_code& error) {
  constexpr std::chrono::seconds most(std::numeric_limits<int>::max());
  auto const seconds = [&](std::chrono::seconds time) {
    return static_cast<int>(std::clamp(time, std::chrono::seconds(-1), most).count());
  };
  set_option(file_, IPPROTO_TCP, TCP_KEEPIDLE, seconds(how.idle), error);
  if (!error) set_option(file_, IPPROTO_TCP, TCP_KEEPINTVL, seconds(how.interval), error);
  if (!error) set_option(file_, IPPROTO_TCP, TCP_KEEPCNT, how.probes, error);
  if (!error) set_option(file_, SOL_SOCKET, SO_KEEPALIVE, 1, error);
}

void tcp_stream::set_receive_buffer(int bytes, std::error_code& error) {
  set_option(file_, SOL_SOCKET, SO_RCVBUF, bytes, error);
}

void tcp_stream::set_send_buffer(int bytes, std::error_code& error) {
  set_option(file_, SOL_SOCKET, SO_SNDBUF, bytes, error);
}

void tcp_stream::set_reset_on_close(std::error_code& error) {
  set_option(file_, SOL_SOCKET, SO_LINGER, linger{1, 0}, error);
}

void tcp_stream::set_no_delay(bool enable) {
  std::error_code error;
  set_no_delay(enable, error);
  throw_if(error, "set_no_delay to", *this);
}

void tcp_stream::set_keep_alive(keep_alive const& how) {
  std::error_code error;
  set_keep_alive(how, error);
  throw_if(error, "set_keep_alive to", *this);
}

void tcp_stream::set_receive_buffer(int bytes) {
  std::error_code error;
  set_receive_buffer(bytes, error);
  throw_if(error, "set_receive_buffer to", *this);
}

void tcp_stream::set_send_buffer(int bytes) {
  std::error_code error;
  set_send_buffer(bytes, error);
  throw_if(error, "set_send_buffer to", *this);
}

void tcp_stream::set_reset_on_close() {
  std::error_code error;
  set_reset_on_close(error);
  throw_if(error, "set_reset_on_close to", *this);
}

// --- addresses

address tcp_stream::local_address(std::error_code& error) const {
  return detail::local_address_of(native_handle(), error);
}

address tcp_stream::local_address() const {
  std::error_code error;
  address const result = local_address(error);
  throw_if(error, "local_address to", *this);
  return result;
}

}  // namespace ramie::io
