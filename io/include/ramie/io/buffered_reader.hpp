// Lines, delimited and counted parts of a stream, within a limit.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include <ramie/io/buffer.hpp>
#include <ramie/io/input_stream.hpp>

namespace ramie::io {

/// Reads a stream by parts, a buffer at a time. The buffer grows as a part needs it, up to the
/// limit and no further: a peer can't make it grow. The stream must outlive the reader, and be read
/// by nobody else meanwhile. Move-only, a moved-from one has no stream; for one fiber or thread at
/// a time.
///
/// The two forms of every operation are as input_stream's. One that ends by an error, a deadline or
/// `cancelled` has consumed nothing: what it has read so far is there for the next one.
class buffered_reader {
 public:
  static constexpr std::size_t default_limit = 64 * 1024;

  /// `limit`: how many bytes a part may have, its delimiter included; at least 1, or
  /// std::invalid_argument is thrown.
  explicit buffered_reader(input_stream& stream, std::size_t limit = default_limit);
  buffered_reader(buffered_reader&& other) noexcept;
  buffered_reader& operator=(buffered_reader&& other) noexcept;
  ~buffered_reader() = default;

  /// The next line, without its "\n" or "\r\n"; nothing at the end of the stream. The view holds
  /// until the next operation. errc::limit_exceeded: no line ends within the limit;
  /// errc::end_of_stream: the stream ends within a line. `buffered` tells what is there then.
  std::optional<std::string_view> read_line();
  std::optional<std::string_view> read_line(std::error_code& error);

  /// The same up to a delimiter, which is consumed and not returned. An empty one is
  /// errc::invalid_argument.
  std::optional<std::string_view> read_until(std::string_view delimiter);
  std::optional<std::string_view> read_until(std::string_view delimiter, std::error_code& error);

  /// The next `count` bytes. The view holds until the next operation. errc::limit_exceeded if they
  /// are more than the limit; errc::end_of_stream if the stream ends before.
  std::string_view read_count(std::size_t count);
  std::string_view read_count(std::size_t count, std::error_code& error);

  /// As a stream's: what is buffered, else what one read brings; 0 at the end.
  std::size_t read_some(mutable_buffer into);
  std::size_t read_some(mutable_buffer into, std::error_code& error);

  /// What has been read and not consumed. The view holds until the next operation.
  std::string_view buffered() const noexcept { return {memory_.get() + begin_, end_ - begin_}; }

 private:
  bool fill(std::error_code& error);
  bool make_room(std::error_code& error);

  input_stream* stream_;
  std::size_t limit_;
  // Bytes begin_ to end_ of size_ are buffered. size_ <= limit_.
  std::unique_ptr<char[]> memory_;
  std::size_t size_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace ramie::io
