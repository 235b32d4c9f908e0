// A UDP socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <ramie/io/address.hpp>
#include <ramie/io/buffer.hpp>
#include <ramie/io/detail/descriptor_owner.hpp>

namespace ramie::io {

/// How to bind. An aggregate for designated initialisers.
struct udp_options {
  /// Lets several sockets share the port (SO_REUSEPORT); each sender's datagrams go to one of them.
  bool reuse_port = false;
  /// Whether an IPv6 socket leaves IPv4 to others (IPV6_V6ONLY).
  bool ipv6_only = false;
  /// Whether it may send to broadcast addresses (SO_BROADCAST).
  bool broadcast = false;
};

/// Sends and receives datagrams. Closed when it is destroyed; move-only, default-constructed and
/// moved-from ones are closed. One fiber or thread may receive while another one sends; `close` may
/// be called by a third, and ends their calls with errc::operation_canceled. A second one that has
/// to wait in the same direction gets errc::device_or_resource_busy.
///
/// The two forms of every operation are as input_stream's; an error names the peer, or the local
/// address. A connected socket also reports what the network said of earlier datagrams, as
/// errc::connection_refused where nobody listens.
class udp_socket : public detail::descriptor_owner {
 public:
  /// Closed.
  udp_socket() noexcept = default;
  udp_socket(udp_socket&&) noexcept = default;
  udp_socket& operator=(udp_socket&&) noexcept = default;
  ~udp_socket() = default;

  /// `host`: as address::parse takes it. Port 0: any free one. A port that is taken:
  /// errc::address_in_use.
  static udp_socket bind(std::string_view host, std::uint16_t port, udp_options options = {});
  static udp_socket bind(std::string_view host, std::uint16_t port, std::error_code& error);
  static udp_socket bind(std::string_view host, std::uint16_t port, udp_options options,
                         std::error_code& error);

  /// A socket, on any free port, that sends to and receives from one peer only.
  static udp_socket connect(std::string_view host, std::uint16_t port);
  static udp_socket connect(std::string_view host, std::uint16_t port, std::error_code& error);
  static udp_socket connect(address const& peer);
  static udp_socket connect(address const& peer, std::error_code& error);

  /// Sends one datagram to the peer of a connected socket, and returns its size;
  /// errc::not_connected on others. An empty one is sent too. errc::message_size: larger than a
  /// datagram can be.
  std::size_t send(const_buffer from);
  std::size_t send(const_buffer from, std::error_code& error);
  /// The same to anybody.
  std::size_t send_to(address const& to, const_buffer from);
  std::size_t send_to(address const& to, const_buffer from, std::error_code& error);

  /// What has come.
  struct received {
    std::size_t size = 0;  ///< Bytes that are in the buffer.
    address from{};
    bool truncated = false;  ///< The datagram had more than the buffer has room for.
  };
  /// Waits for a datagram, of which the buffer takes what it has room for. Empty datagrams come
  /// too: there is no end of stream.
  received receive(mutable_buffer into);
  received receive(mutable_buffer into, std::error_code& error);

  /// A datagram of a batch. Without an address, it goes to the peer of a connected socket.
  struct outgoing {
    const_buffer from;
    address to{};
  };
  /// Sends up to 64 datagrams by one system call (sendmmsg(2)), waits until at least one was sent,
  /// and returns how many were. The error is that of the first one; one of a later one comes with
  /// the next call.
  std::size_t send_batch(std::span<outgoing const> batch);
  std::size_t send_batch(std::span<outgoing const> batch, std::error_code& error);

  /// Room for a datagram of a batch, and what has come.
  struct incoming {
    mutable_buffer into;
    received what{};
  };
  /// Waits for a datagram and takes as many as have come, up to 64, by one system call
  /// (recvmmsg(2)). Returns how many.
  std::size_t receive_batch(std::span<incoming> batch);
  std::size_t receive_batch(std::span<incoming> batch, std::error_code& error);

  address local_address() const;
  address local_address(std::error_code& error) const;
  /// The peer of a connected socket, else empty.
  address remote_address() const noexcept { return is_open() ? peer_ : address(); }

  /// The peer of a connected socket, else the local address.
  std::string describe() const;

 private:
  explicit udp_socket(int fd) noexcept : descriptor_owner(detail::descriptor(fd)) {}

  address peer_;
};

}  // namespace ramie::io
