// A TCP connection.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <ramie/io/address.hpp>
#include <ramie/io/detail/socket_stream.hpp>

namespace ramie::io {

/// A TCP connection: what an input_stream, an output_stream and a detail::socket_stream can, and
/// what follows. An error names the peer.
class tcp_stream : public detail::socket_stream {
 public:
  /// Closed.
  tcp_stream() noexcept = default;
  tcp_stream(tcp_stream&&) noexcept = default;
  tcp_stream& operator=(tcp_stream&&) noexcept = default;
  ~tcp_stream() override = default;

  /// Connects to the first address of a host that answers (see resolve); where there are several,
  /// the next one is tried too if the last has not answered for 250 ms (RFC 8305). The error is
  /// that of the first address. `service`: a port number, or a name as "https". A cancellation
  /// point; a connection that is not made yet is given up then.
  static tcp_stream connect(std::string_view host, std::uint16_t port);
  static tcp_stream connect(std::string_view host, std::uint16_t port, std::error_code& error);
  static tcp_stream connect(std::string_view host, std::string_view service);
  static tcp_stream connect(std::string_view host, std::string_view service,
                            std::error_code& error);
  static tcp_stream connect(address const& peer);
  static tcp_stream connect(address const& peer, std::error_code& error);

  /// Whether small writes go out at once instead of being gathered (TCP_NODELAY).
  void set_no_delay(bool enable);
  void set_no_delay(bool enable, std::error_code& error);

  /// Has the peer asked whether it is still there once nothing has come from it for `idle`, and
  /// then `probes` times, `interval` apart, before every operation fails with
  /// std::errc::timed_out of the system's category (SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL,
  /// TCP_KEEPCNT). errc::invalid_argument: a number that the kernel does not take.
  struct keep_alive {
    std::chrono::seconds idle{60};
    std::chrono::seconds interval{10};
    int probes = 6;
  };
  void set_keep_alive(keep_alive const& how);
  void set_keep_alive(keep_alive const& how, std::error_code& error);

  /// How much the kernel may hold of what was received, or is yet to be sent, in bytes; the kernel
  /// doubles it and keeps it within its own limits (SO_RCVBUF, SO_SNDBUF).
  void set_receive_buffer(int bytes);
  void set_receive_buffer(int bytes, std::error_code& error);
  void set_send_buffer(int bytes);
  void set_send_buffer(int bytes, std::error_code& error);

  /// `close` then throws away what is yet to be sent, and the peer gets a reset instead of the end
  /// of the stream (SO_LINGER with a time of 0).
  void set_reset_on_close();
  void set_reset_on_close(std::error_code& error);

  address local_address() const;
  address local_address(std::error_code& error) const;
  /// Known since the connection was made: works on a broken connection too; empty if closed.
  address remote_address() const noexcept { return is_open() ? peer_ : address(); }

  /// The peer's address.
  std::string describe() const override { return peer_.to_string(); }

 private:
  friend class tcp_listener;
  tcp_stream(detail::descriptor&& file, address const& peer) noexcept
      : socket_stream(std::move(file)), peer_(peer) {}

  static tcp_stream connect_to_any(std::span<address const> peers, std::error_code& error);

  address peer_;
};

}  // namespace ramie::io
