#include <ramie/io/udp_socket.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "attempt.hpp"
#include "sockets.hpp"

namespace ramie::io {

namespace {

using detail::direction;
using detail::set_option;
using operation = detail::descriptor::operation;

constexpr std::size_t most_at_once = 64;

/// Messages for sendmmsg and recvmmsg. Not for the stack of whoever waits for one datagram only.
struct batch_of_messages {
  std::array<mmsghdr, most_at_once> messages{};
  std::array<iovec, most_at_once> parts{};
  std::array<sockaddr_storage, most_at_once> addresses;

  void add(std::size_t i, std::byte* data, std::size_t size) {
    parts[i] = {data, size};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
};

void set_address(msghdr& message, address const& to) {
  if (!to) return;
  message.msg_name = const_cast<sockaddr*>(to.native());
  message.msg_namelen = to.native_size();
}

udp_socket::received outcome(msghdr const& message, std::size_t size, std::size_t room) {
  return {std::min(size, room),
          address::from(static_cast<sockaddr const*>(message.msg_name), message.msg_namelen),
          (message.msg_flags & MSG_TRUNC) != 0};
}

}  // namespace

// --- making one

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
  result.peer_ = peer;
  detail::connect_socket(result.file_, peer.native(), peer.native_size(), error);
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

// --- one datagram

std::size_t udp_socket::send_to(address const& to, const_buffer from, std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error) return 0;
  ssize_t const count = detail::repeat(file_, direction::write, error, [&] {
    return ::sendto(running.number(), from.data(), from.size(), MSG_NOSIGNAL,
                    to ? to.native() : nullptr, to.native_size());
  });
  // Without any address at all the kernel asks for one in other words.
  if (error == std::errc::destination_address_required) {
    error = std::make_error_code(std::errc::not_connected);
  }
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t udp_socket::send(const_buffer from, std::error_code& error) {
  return send_to({}, from, error);
}

udp_socket::received udp_socket::receive(mutable_buffer into, std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error) return {};
  iovec part = {into.data(), into.size()};
  sockaddr_storage from;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = &from;
  ssize_t const count = detail::repeat(file_, direction::read, error, [&] {
    message.msg_namelen = sizeof from;
    return ::recvmsg(running.number(), &message, 0);
  });
  if (count < 0) return {};
  return outcome(message, static_cast<std::size_t>(count), into.size());
}

// --- batches

std::size_t udp_socket::send_batch(std::span<outgoing const> batch, std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  std::size_t const size = std::min(batch.size(), most_at_once);
  if (error || size == 0) return 0;
  batch_of_messages all;
  for (std::size_t i = 0; i < size; ++i) {
    all.add(i, const_cast<std::byte*>(batch[i].from.data()), batch[i].from.size());
    set_address(all.messages[i].msg_hdr, batch[i].to);
  }
  ssize_t const count = detail::repeat(file_, direction::write, error, [&] {
    return ::sendmmsg(running.number(), all.messages.data(), static_cast<unsigned>(size),
                      MSG_NOSIGNAL);
  });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t udp_socket::receive_batch(std::span<incoming> batch, std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  std::size_t const size = std::min(batch.size(), most_at_once);
  if (error || size == 0) return 0;
  batch_of_messages all;
  for (std::size_t i = 0; i < size; ++i) {
    all.add(i, batch[i].into.data(), batch[i].into.size());
    all.messages[i].msg_hdr.msg_name = &all.addresses[i];
    all.messages[i].msg_hdr.msg_namelen = sizeof all.addresses[i];
  }
  ssize_t const count = detail::repeat(file_, direction::read, error, [&] {
    return ::recvmmsg(running.number(), all.messages.data(), static_cast<unsigned>(size), 0,
                      nullptr);
  });
  for (ssize_t i = 0; i < count; ++i) {
    auto const at = static_cast<std::size_t>(i);
    batch[at].what =
        outcome(all.messages[at].msg_hdr, all.messages[at].msg_len, batch[at].into.size());
  }
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

// --- the same by exceptions

std::size_t udp_socket::send(const_buffer from) {
  std::error_code error;
  std::size_t const count = send(from, error);
  throw_if(error, "send to", *this);
  return count;
}

std::size_t udp_socket::send_to(address const& to, const_buffer from) {
  std::error_code error;
  std::size_t const count = send_to(to, from, error);
  throw_if(error, "send to", to);
  return count;
}

udp_socket::received udp_socket::receive(mutable_buffer into) {
  std::error_code error;
  received const result = receive(into, error);
  throw_if(error, "receive from", *this);
  return result;
}

std::size_t udp_socket::send_batch(std::span<outgoing const> batch) {
  std::error_code error;
  std::size_t const count = send_batch(batch, error);
  throw_if(error, "send to", *this);
  return count;
}

std::size_t udp_socket::receive_batch(std::span<incoming> batch) {
  std::error_code error;
  std::size_t const count = receive_batch(batch, error);
  throw_if(error, "receive from", *this);
  return count;
}

// --- addresses

address udp_socket::local_address(std::error_code& error) const {
  return detail::local_address_of(native_handle(), error);
}

address udp_socket::local_address() const {
  std::error_code error;
  address const result = local_address(error);
  throw_if(error, "local_address of", *this);
  return result;
}

std::string udp_socket::describe() const {
  std::error_code ignored;
  return (peer_ ? peer_ : local_address(ignored)).to_string();
}

}  // namespace ramie::io
