// A TCP connection.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#include <ramie/io/address.hpp>
#include <ramie/io/buffer.hpp>
#include <ramie/io/detail/descriptor.hpp>

namespace ramie::io {

/// A TCP connection, closed when it is destroyed. Move-only; default-constructed and moved-from
/// ones are closed. One fiber or thread may read while another one writes; `close` may be called by
/// a third, and ends their calls with errc::operation_canceled. A second reader (or writer) that
/// has to wait gets errc::device_or_resource_busy.
///
/// Every operation has two forms: one throws std::system_error, which names the operation and the
/// peer; one sets a trailing std::error_code. Both are cancellation points while they wait, and
/// throw `cancelled`; bytes that were read or written before that are not lost: then the call
/// returns. On a closed stream every operation fails with errc::bad_file_descriptor. Writing to a
/// peer that is gone is errc::broken_pipe or connection_reset, never a signal.
class tcp_stream {
 public:
  tcp_stream() noexcept = default;
  tcp_stream(tcp_stream&& other) noexcept;
  tcp_stream& operator=(tcp_stream&& other) noexcept;
  ~tcp_stream() = default;

  /// `host`: a numeric IPv4 or IPv6 address, or "localhost" (127.0.0.1, then ::1). Other names:
  /// io::errc::unresolved_name.
  static tcp_stream connect(std::string_view host, std::uint16_t port);
  static tcp_stream connect(std::string_view host, std::uint16_t port, std::error_code& error);
  static tcp_stream connect(address const& peer);
  static tcp_stream connect(address const& peer, std::error_code& error);

  /// Waits for data and returns how many bytes were read: at least one, or 0 at the end of the
  /// stream. An empty buffer returns 0 at once.
  std::size_t read_some(mutable_buffer into);
  std::size_t read_some(mutable_buffer into, std::error_code& error);

  /// Fills the buffer; io::errc::end_of_stream if the stream ends first. Returns how many bytes
  /// were read, which tells with an error what had come before it. If it is cancelled, what it has
  /// read is in the buffer, but how much is unknown.
  std::size_t read_exact(mutable_buffer into);
  std::size_t read_exact(mutable_buffer into, std::error_code& error);

  /// Waits for room and returns how many bytes were written: at least one. An empty buffer returns
  /// 0 at once.
  std::size_t write_some(const_buffer from);
  std::size_t write_some(const_buffer from, std::error_code& error);

  /// Writes everything. Returns how many bytes were written, which tells with an error what had
  /// gone out before it.
  std::size_t write_all(const_buffer from);
  std::size_t write_all(const_buffer from, std::error_code& error);

  /// Ends the outgoing direction: the peer reads to the end.
  void shutdown_write();
  void shutdown_write(std::error_code& error);

  /// Whether small writes go out at once instead of being gathered (TCP_NODELAY).
  void set_no_delay(bool enable);
  void set_no_delay(bool enable, std::error_code& error);

  address local_address() const;
  address local_address(std::error_code& error) const;
  /// Known since the connection was made: works on a broken connection too; empty if closed.
  address remote_address() const noexcept { return is_open() ? peer_ : address(); }

  bool is_open() const noexcept { return file_.is_open(); }
  void close() noexcept { file_.close(); }
  /// The descriptor, or -1; it stays the stream's.
  int native_handle() const noexcept { return file_.number(); }

 private:
  friend class tcp_listener;
  friend struct detail::descriptor_access;
  tcp_stream(int fd, address const& peer) noexcept : file_(fd), peer_(peer) {}

  void check(std::error_code error, const char* operation) const;

  detail::descriptor file_;
  address peer_;
  // Whether the last read was given less than it had room for: there is nothing more, so the next
  // one waits first instead of collecting an EAGAIN. Written by the reader; atomic (relaxed)
  // because a second one is an error of the user's that is reported, not undefined.
  std::atomic<bool> drained_{false};
};

}  // namespace ramie::io
