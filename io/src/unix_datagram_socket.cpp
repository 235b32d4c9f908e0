#include <ramie/io/unix_datagram_socket.hpp>

#include <sys/socket.h>

#include <optional>
#include <string>
#include <utility>

#include "failure.hpp"
#include "passed_descriptors.hpp"
#include "sockets.hpp"
#include "unix_bind.hpp"

namespace ramie::io {

using detail::passed_descriptors;

unix_datagram_socket unix_datagram_socket::bind(std::string_view name,
                                                unix_datagram_options options,
                                                std::error_code& error) {
  // No name at all: the kernel finds one (unix(7), autobind).
  error.clear();
  unix_address const where =
      name.empty() ? unix_address::of_any_name() : unix_address::parse(name, error);
  if (error) return {};
  int const fd = detail::open_socket(AF_UNIX, SOCK_DGRAM, error);
  if (fd < 0) return {};
  unix_datagram_socket result(fd);
  detail::bind_unix(fd, where, options.replace_stale, std::nullopt, error);
  return error ? unix_datagram_socket() : std::move(result);
}

unix_datagram_socket unix_datagram_socket::bind(std::string_view name, std::error_code& error) {
  return bind(name, unix_datagram_options{}, error);
}

unix_datagram_socket unix_datagram_socket::bind(std::string_view name,
                                                unix_datagram_options options) {
  std::error_code error;
  unix_datagram_socket result = bind(name, options, error);
  if (error) fail(error, "bind " + std::string(name));
  return result;
}

unix_datagram_socket unix_datagram_socket::connect(std::string_view name, std::error_code& error) {
  unix_address const peer = unix_address::parse(name, error);
  if (error) return {};
  unix_datagram_socket result = bind({}, error);
  if (!error) result.connect_to(peer, error);
  return error ? unix_datagram_socket() : std::move(result);
}

unix_datagram_socket unix_datagram_socket::connect(std::string_view name) {
  std::error_code error;
  unix_datagram_socket result = connect(name, error);
  if (error) fail(error, "connect " + std::string(name));
  return result;
}

std::pair<unix_datagram_socket, unix_datagram_socket> unix_datagram_socket::pair(
    std::error_code& error) {
  auto const ends = detail::open_socket_pair(SOCK_DGRAM, error);
  if (error) return {};
  return {unix_datagram_socket(ends.first), unix_datagram_socket(ends.second)};
}

std::pair<unix_datagram_socket, unix_datagram_socket> unix_datagram_socket::pair() {
  std::error_code error;
  auto result = pair(error);
  if (error) fail(error, "pair of unix_datagram_sockets");
  return result;
}

// --- descriptors

std::size_t unix_datagram_socket::send_descriptors_to(unix_address const& to, const_buffer from,
                                                      std::span<int const> descriptors,
                                                      std::error_code& error) {
  if (descriptors.size() > passed_descriptors::most) {
    error = std::make_error_code(std::errc::invalid_argument);
    return 0;
  }
  passed_descriptors along;
  msghdr message = {};
  along.attach_to(message, descriptors);
  return send_message(to, from, message, error);
}

std::size_t unix_datagram_socket::send_descriptors(const_buffer from,
                                                   std::span<int const> descriptors,
                                                   std::error_code& error) {
  return send_descriptors_to({}, from, descriptors, error);
}

unix_datagram_socket::received unix_datagram_socket::receive_descriptors(
    mutable_buffer into, std::vector<owned_descriptor>& descriptors, std::error_code& error) {
  descriptors.reserve(descriptors.size() + passed_descriptors::most);
  passed_descriptors along;
  msghdr message = {};
  along.make_room_for(message);
  received const result = receive_message(into, message, MSG_CMSG_CLOEXEC, error);
  if (!error) error = passed_descriptors::take_from(message, descriptors);
  return result;
}

std::size_t unix_datagram_socket::send_descriptors(const_buffer from,
                                                   std::span<int const> descriptors) {
  std::error_code error;
  std::size_t const count = send_descriptors(from, descriptors, error);
  throw_if(error, "send descriptors to", *this);
  return count;
}

std::size_t unix_datagram_socket::send_descriptors_to(unix_address const& to, const_buffer from,
                                                      std::span<int const> descriptors) {
  std::error_code error;
  std::size_t const count = send_descriptors_to(to, from, descriptors, error);
  throw_if(error, "send descriptors to", to);
  return count;
}

unix_datagram_socket::received unix_datagram_socket::receive_descriptors(
    mutable_buffer into, std::vector<owned_descriptor>& descriptors) {
  std::error_code error;
  received const result = receive_descriptors(into, descriptors, error);
  throw_if(error, "receive descriptors from", *this);
  return result;
}

}  // namespace ramie::io
