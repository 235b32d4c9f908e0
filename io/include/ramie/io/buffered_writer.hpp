// Small writes gathered into large ones.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include <ramie/io/output_stream.hpp>

namespace ramie::io {

/// An output_stream that gathers what is written, up to `capacity` bytes, and writes it to another
/// one when it is full or flushed. So a peer that does not read makes the writer wait. The stream
/// must outlive it, and be written to by nobody else meanwhile. For one fiber or thread at a time.
///
/// A write returns when its bytes are gathered, which need not mean that they are on their way:
/// `flush` before the end. What is not flushed is dropped by the destructor, which can neither wait
/// nor tell of an error. One that ends by an error, a deadline or `cancelled` has lost nothing that
/// was gathered: the next flush goes on where it ended.
class buffered_writer : public output_stream {
 public:
  static constexpr std::size_t default_capacity = 16 * 1024;

  /// `capacity`: at least 1, or std::invalid_argument is thrown.
  explicit buffered_writer(output_stream& stream, std::size_t capacity = default_capacity);
  buffered_writer(buffered_writer const&) = delete;
  buffered_writer& operator=(buffered_writer const&) = delete;
  ~buffered_writer() override = default;

  /// Writes what is gathered. A cancellation point.
  void flush();
  void flush(std::error_code& error);

  /// How many bytes are gathered and not written yet.
  std::size_t pending() const noexcept { return end_ - begin_; }

  /// As the stream below.
  std::string describe() const override { return stream_.describe(); }

 private:
  std::size_t do_write_some(std::span<const_buffer const> from, std::size_t skip,
                            std::error_code& error) override;

  output_stream& stream_;
  std::size_t const capacity_;
  // Bytes begin_ to end_ are gathered. No room yet: nothing was written so far.
  std::unique_ptr<std::byte[]> memory_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace ramie::io
