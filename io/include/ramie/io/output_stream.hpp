// A place to write bytes to.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <system_error>

#include <ramie/io/buffer.hpp>

namespace ramie::io {

/// What every stream that is written to has in common. One fiber or thread at a time writes; a
/// second one that has to wait gets errc::device_or_resource_busy. The two forms of every operation
/// and their cancellation are as input_stream's. Writing to a peer that is gone is
/// errc::broken_pipe or connection_reset, never a signal.
class output_stream {
 public:
  virtual ~output_stream() = default;

  /// Waits for room and returns how many bytes were written: at least one. An empty buffer returns
  /// 0 at once.
  std::size_t write_some(const_buffer from);
  std::size_t write_some(const_buffer from, std::error_code& error);

  /// The same from several buffers, one after the other, where the stream can by one system call
  /// (writev(2)); of more than 64 that are not empty, from the first 64.
  std::size_t write_some(std::span<const_buffer const> from);
  std::size_t write_some(std::span<const_buffer const> from, std::error_code& error);

  /// Writes everything. Returns how many bytes were written, which tells with an error what had
  /// gone out before it. If it is cancelled, how much has gone out is unknown.
  std::size_t write_all(const_buffer from);
  std::size_t write_all(const_buffer from, std::error_code& error);
  std::size_t write_all(std::span<const_buffer const> from);
  std::size_t write_all(std::span<const_buffer const> from, std::error_code& error);

  /// Which stream it is, for messages: an address, a path. Never throws but std::bad_alloc.
  virtual std::string describe() const = 0;

 protected:
  output_stream() noexcept = default;
  output_stream(output_stream&&) noexcept = default;
  output_stream& operator=(output_stream&&) noexcept = default;

 private:
  /// write_some behind the first `skip` bytes: fewer than the first of at least one buffer has.
  /// Clears or sets `error`.
  virtual std::size_t do_write_some(std::span<const_buffer const> from, std::size_t skip,
                                    std::error_code& error) = 0;
};

}  // namespace ramie::io
