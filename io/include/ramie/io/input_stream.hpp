// Bytes to read, wherever they come from.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <system_error>

#include <ramie/io/buffer.hpp>

namespace ramie::io {

/// What every stream that is read from has in common. One fiber or thread at a time reads; a second
/// one that has to wait gets errc::device_or_resource_busy.
///
/// Every operation has two forms: one throws std::system_error, which names the operation and the
/// stream; one sets a trailing std::error_code. Both are cancellation points while they wait, and
/// throw `cancelled`; bytes that were read before that are not lost: then the call returns. On a
/// closed stream every operation fails with errc::bad_file_descriptor.
class input_stream {
 public:
  virtual ~input_stream() = default;

  /// Waits for data and returns how many bytes were read: at least one, or 0 at the end of the
  /// stream. An empty buffer returns 0 at once.
  std::size_t read_some(mutable_buffer into);
  std::size_t read_some(mutable_buffer into, std::error_code& error);

  /// The same into several buffers, one after the other, where the stream can by one system call
  /// (readv(2)); of more than 64 that are not empty, into the first 64.
  std::size_t read_some(std::span<mutable_buffer const> into);
  std::size_t read_some(std::span<mutable_buffer const> into, std::error_code& error);

  /// Fills the buffer; io::errc::end_of_stream if the stream ends first. Returns how many bytes
  /// were read, which tells with an error what had come before it. If it is cancelled, what it has
  /// read is in the buffer, but how much is unknown: a buffered_reader keeps it.
  std::size_t read_exact(mutable_buffer into);
  std::size_t read_exact(mutable_buffer into, std::error_code& error);

  /// Which stream it is, for messages: an address, a path. Never throws but std::bad_alloc.
  virtual std::string describe() const = 0;

 protected:
  input_stream() noexcept = default;
  input_stream(input_stream&&) noexcept = default;
  input_stream& operator=(input_stream&&) noexcept = default;

 private:
  /// read_some for at least one buffer, of which the first is not empty. Clears or sets `error`.
  virtual std::size_t do_read_some(std::span<mutable_buffer const> into,
                                   std::error_code& error) = 0;
};

}  // namespace ramie::io
