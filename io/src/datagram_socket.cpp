#include <ramie/io/detail/datagram_socket.hpp>

#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include <ramie/io/address.hpp>
#include <ramie/io/unix_address.hpp>

#include "attempt.hpp"
#include "backoff.hpp"
#include "sockets.hpp"

namespace ramie::detail {

using io::address;
using io::closed_error;
using io::const_buffer;
using io::last_error;
using io::mutable_buffer;
using io::throw_if;
using io::unix_address;

namespace {

using operation = descriptor::operation;

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

template <class Address>
void set_address(msghdr& message, Address const& to) {
  if (!to) return;
  message.msg_name = const_cast<sockaddr*>(to.native());
  message.msg_namelen = to.native_size();
}

template <class Address>
typename datagram_socket<Address>::received outcome(msghdr const& message, std::size_t size,
                                                    std::size_t room) {
  return {std::min(size, room),
          Address::from(static_cast<sockaddr const*>(message.msg_name), message.msg_namelen),
          (message.msg_flags & MSG_TRUNC) != 0};
}

}  // namespace

template <class Address>
void datagram_socket<Address>::connect_to(Address const& peer, std::error_code& error) {
  peer_ = peer;
  connect_socket(file_, peer.native(), peer.native_size(), error);
}

/// Repeats `attempt`. `to`: whom it sends to, nobody for the peer of a connected socket.
template <class Address>
template <class Attempt>
ssize_t datagram_socket<Address>::send_by(Address const& to, std::error_code& error,
                                          Attempt attempt) {
  backoff pauses;
  auto const wait = [&] {
    std::error_code failed = file_.wait(direction::write);
    // A Unix socket that is not connected is writable as long as its own buffer has room, whether
    // the receiver's has or not.
    bool const untold = std::is_same_v<Address, unix_address> && to;
    if (!failed && untold) failed = pauses.pause();
    if (!failed && !file_.is_open()) failed = std::make_error_code(std::errc::operation_canceled);
    return failed;
  };
  return repeat(wait, error, attempt);
}

// --- one datagram

template <class Address>
std::size_t datagram_socket<Address>::send_to(Address const& to, const_buffer from,
                                              std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error) return 0;
  ssize_t const count = send_by(to, error, [&] {
    return ::sendto(running.number(), from.data(), from.size(), MSG_NOSIGNAL,
                    to ? to.native() : nullptr, to.native_size());
  });
  // Without any address at all the kernel asks for one in other words.
  if (error == std::errc::destination_address_required) {
    error = std::make_error_code(std::errc::not_connected);
  }
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

template <class Address>
std::size_t datagram_socket<Address>::send(const_buffer from, std::error_code& error) {
  return send_to({}, from, error);
}

template <class Address>
std::size_t datagram_socket<Address>::send_message(Address const& to, const_buffer from,
                                                   msghdr& message, std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error) return 0;
  iovec part = {const_cast<std::byte*>(from.data()), from.size()};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  set_address(message, to);
  ssize_t const count =
      send_by(to, error, [&] { return ::sendmsg(running.number(), &message, MSG_NOSIGNAL); });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

template <class Address>
typename datagram_socket<Address>::received datagram_socket<Address>::receive(
    mutable_buffer into, std::error_code& error) {
  msghdr message = {};
  return receive_message(into, message, 0, error);
}

template <class Address>
typename datagram_socket<Address>::received datagram_socket<Address>::receive_message(
    mutable_buffer into, msghdr& message, int flags, std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error) return {};
  iovec part = {into.data(), into.size()};
  sockaddr_storage from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = &from;
  std::size_t const control_room = message.msg_controllen;
  ssize_t const count = repeat(file_, direction::read, error, [&] {
    message.msg_namelen = sizeof from;
    message.msg_controllen = control_room;
    return ::recvmsg(running.number(), &message, flags);
  });
  if (count < 0) return {};
  return outcome<Address>(message, static_cast<std::size_t>(count), into.size());
}

// --- batches

template <class Address>
std::size_t datagram_socket<Address>::send_batch(std::span<outgoing const> batch,
                                                 std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  std::size_t const size = std::min(batch.size(), most_at_once);
  if (error || size == 0) return 0;
  batch_of_messages all;
  for (std::size_t i = 0; i < size; ++i) {
    all.add(i, const_cast<std::byte*>(batch[i].from.data()), batch[i].from.size());
    set_address(all.messages[i].msg_hdr, batch[i].to);
  }
  ssize_t const count = send_by(batch.front().to, error, [&] {
    return ::sendmmsg(running.number(), all.messages.data(), static_cast<unsigned>(size),
                      MSG_NOSIGNAL);
  });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

template <class Address>
std::size_t datagram_socket<Address>::receive_batch(std::span<incoming> batch,
                                                    std::error_code& error) {
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
  ssize_t const count = repeat(file_, direction::read, error, [&] {
    return ::recvmmsg(running.number(), all.messages.data(), static_cast<unsigned>(size), 0,
                      nullptr);
  });
  for (ssize_t i = 0; i < count; ++i) {
    auto const at = static_cast<std::size_t>(i);
    batch[at].what =
        outcome<Address>(all.messages[at].msg_hdr, all.messages[at].msg_len, batch[at].into.size());
  }
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

// --- the same by exceptions

template <class Address>
std::size_t datagram_socket<Address>::send(const_buffer from) {
  std::error_code error;
  std::size_t const count = send(from, error);
  throw_if(error, "send to", *this);
  return count;
}

template <class Address>
std::size_t datagram_socket<Address>::send_to(Address const& to, const_buffer from) {
  std::error_code error;
  std::size_t const count = send_to(to, from, error);
  throw_if(error, "send to", to);
  return count;
}

template <class Address>
typename datagram_socket<Address>::received datagram_socket<Address>::receive(mutable_buffer into) {
  std::error_code error;
  received const result = receive(into, error);
  throw_if(error, "receive from", *this);
  return result;
}

template <class Address>
std::size_t datagram_socket<Address>::send_batch(std::span<outgoing const> batch) {
  std::error_code error;
  std::size_t const count = send_batch(batch, error);
  throw_if(error, "send to", *this);
  return count;
}

template <class Address>
std::size_t datagram_socket<Address>::receive_batch(std::span<incoming> batch) {
  std::error_code error;
  std::size_t const count = receive_batch(batch, error);
  throw_if(error, "receive from", *this);
  return count;
}

// --- addresses

template <class Address>
Address datagram_socket<Address>::local_address(std::error_code& error) const {
  return local_address_of<Address>(native_handle(), error);
}

template <class Address>
Address datagram_socket<Address>::local_address() const {
  std::error_code error;
  Address const result = local_address(error);
  throw_if(error, "local_address of", *this);
  return result;
}

template <class Address>
std::string datagram_socket<Address>::describe() const {
  std::error_code ignored;
  return (peer_ ? peer_ : local_address(ignored)).to_string();
}

template class datagram_socket<address>;
template class datagram_socket<unix_address>;

}  // namespace ramie::detail
