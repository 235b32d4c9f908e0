// A socket that sends and receives datagrams, of whatever family.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <system_error>

#include <ramie/io/buffer.hpp>
#include <ramie/io/detail/descriptor_owner.hpp>

namespace ramie::detail {

/// What sockets for datagrams have in common. Closed when it is destroyed; move-only,
/// default-constructed and moved-from ones are closed. One fiber or thread may receive while
/// another one sends; `close` may be called by a third, and ends their calls with
/// errc::operation_canceled. A second one that has to wait in the same direction gets
/// errc::device_or_resource_busy.
///
/// The two forms of every operation are as input_stream's; an error names the peer, or the local
/// address. A connected socket also reports that nobody listens there: errc::connection_refused.
///
/// Address: io::address or io::unix_address.
template <class Address>
class datagram_socket : public descriptor_owner {
 public:
  /// Sends one datagram to the peer of a connected socket, and returns its size;
  /// errc::not_connected on others. An empty one is sent too. errc::message_size: larger than a
  /// datagram can be.
  std::size_t send(io::const_buffer from);
  std::size_t send(io::const_buffer from, std::error_code& error);
  /// The same to anybody.
  std::size_t send_to(Address const& to, io::const_buffer from);
  std::size_t send_to(Address const& to, io::const_buffer from, std::error_code& error);

  /// What has come.
  struct received {
    std::size_t size = 0;  ///< Bytes that are in the buffer.
    Address from{};
    bool truncated = false;  ///< The datagram had more than the buffer has room for.
  };
  /// Waits for a datagram, of which the buffer takes what it has room for. Empty datagrams come
  /// too: there is no end of stream.
  received receive(io::mutable_buffer into);
  received receive(io::mutable_buffer into, std::error_code& error);

  /// A datagram of a batch. Without an address, it goes to the peer of a connected socket.
  struct outgoing {
    io::const_buffer from;
    Address to{};
  };
  /// Sends up to 64 datagrams by one system call (sendmmsg(2)), waits until at least one was sent,
  /// and returns how many were. The error is that of the first one; one of a later one comes with
  /// the next call.
  std::size_t send_batch(std::span<outgoing const> batch);
  std::size_t send_batch(std::span<outgoing const> batch, std::error_code& error);

  /// Room for a datagram of a batch, and what has come.
  struct incoming {
    io::mutable_buffer into;
    received what{};
  };
  /// Waits for a datagram and takes as many as have come, up to 64, by one system call
  /// (recvmmsg(2)). Returns how many.
  std::size_t receive_batch(std::span<incoming> batch);
  std::size_t receive_batch(std::span<incoming> batch, std::error_code& error);

  Address local_address() const;
  Address local_address(std::error_code& error) const;
  /// The peer of a connected socket, else empty.
  Address remote_address() const noexcept { return is_open() ? peer_ : Address(); }

  /// The peer of a connected socket, else the local address.
  std::string describe() const;

 protected:
  datagram_socket() noexcept = default;
  /// Owns `fd`, which must be non-blocking.
  explicit datagram_socket(int fd) noexcept : descriptor_owner(descriptor(fd)) {}
  datagram_socket(datagram_socket&&) noexcept = default;
  datagram_socket& operator=(datagram_socket&&) noexcept = default;
  ~datagram_socket() = default;

  /// To one peer only from now on.
  void connect_to(Address const& peer, std::error_code& error);

  /// send_to and receive with a message that has only what goes along (msg_control).
  std::size_t send_message(Address const& to, io::const_buffer from, msghdr& message,
                           std::error_code& error);
  received receive_message(io::mutable_buffer into, msghdr& message, int flags,
                           std::error_code& error);

 private:
  template <class Attempt>
  ssize_t send_by(Address const& to, std::error_code& error, Attempt attempt);

  Address peer_;
};

}  // namespace ramie::detail
