// A connected socket, of whatever family.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include <ramie/io/detail/descriptor.hpp>
#include <ramie/io/duplex_stream.hpp>

namespace ramie::io {
class file;
}

namespace ramie::detail {

/// What connections have in common: closed when they are destroyed, move-only; default-constructed
/// and moved-from ones are closed. One fiber or thread may read while another one writes; `close`
/// may be called by a third, and ends their calls with errc::operation_canceled.
class socket_stream : public io::duplex_stream {
 public:
  bool is_open() const noexcept final { return file_.is_open(); }
  void close() noexcept final { file_.close(); }
  /// The descriptor, or -1; it stays the stream's.
  int native_handle() const noexcept { return file_.number(); }

  /// Sends `count` bytes of a file from `offset` on, whose position stays, without copying them
  /// through this program (sendfile(2)). Returns how many were sent: fewer if the file ends before,
  /// or with an error. What is not in the page cache is fetched by `ramie::blocking`, as a file's
  /// own reads are. One fiber or thread at a time writes, as by write_all; the two forms and their
  /// cancellation are as write_all's.
  std::uint64_t send_file(io::file& from, std::uint64_t offset, std::uint64_t count);
  std::uint64_t send_file(io::file& from, std::uint64_t offset, std::uint64_t count,
                          std::error_code& error);

 protected:
  socket_stream() noexcept = default;
  /// Owns `fd`, which must be non-blocking.
  explicit socket_stream(int fd) noexcept : file_(fd) {}
  explicit socket_stream(descriptor&& file) noexcept : file_(std::move(file)) {}
  socket_stream(socket_stream&& other) noexcept;
  socket_stream& operator=(socket_stream&& other) noexcept;
  ~socket_stream() override = default;

  /// Of a new connection: whether the first read is to wait before it looks.
  void expect_data_later(bool expected) noexcept {
    drained_.store(expected, std::memory_order_relaxed);
  }
  /// Before a read: waits if the last one has left nothing. False: there is an error.
  bool await_data(std::error_code& error);
  /// After a read of `count` bytes with room for `room`.
  void note_read(ssize_t count, std::size_t room) noexcept;

  descriptor file_;

 private:
  friend struct descriptor_access;

  std::size_t do_read_some(std::span<io::mutable_buffer const> into, std::error_code& error) final;
  std::size_t do_write_some(std::span<io::const_buffer const> from, std::size_t skip,
                            std::error_code& error) final;
  void do_shutdown_write(std::error_code& error) final;
  std::size_t read_several(int fd, std::span<io::mutable_buffer const> into,
                           std::error_code& error);
  std::size_t write_several(int fd, std::span<io::const_buffer const> from, std::size_t skip,
                            std::error_code& error);

  // Whether the last read was given less than it had room for, or the connection is so new that its
  // peer has hardly sent anything: the next read waits first instead of collecting an EAGAIN.
  // Written by the reader; atomic (relaxed) because a second one is an error of the user's that is
  // reported, not undefined.
  std::atomic<bool> drained_{false};
};

}  // namespace ramie::detail
