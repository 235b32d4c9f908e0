// A pipe, and its two ends.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <system_error>

#include <ramie/io/detail/descriptor_owner.hpp>
#include <ramie/io/input_stream.hpp>
#include <ramie/io/output_stream.hpp>

namespace ramie::io {

/// The end of a pipe, or of another descriptor that can be waited for (a FIFO, a terminal, a
/// character device), that is read from: an input_stream. Closed when it is destroyed; `close` may
/// be called while another fiber or thread reads, and ends its call with errc::operation_canceled.
/// Move-only; default-constructed and moved-from ones are closed.
class pipe_reader : public input_stream, public detail::descriptor_owner {
 public:
  /// Closed.
  pipe_reader() noexcept = default;
  /// Owns `fd` from now on, and makes it non-blocking, for all that share its open file.
  explicit pipe_reader(int fd) noexcept;
  pipe_reader(pipe_reader&&) noexcept = default;
  pipe_reader& operator=(pipe_reader&&) noexcept = default;
  ~pipe_reader() override = default;

  std::string describe() const override;

 private:
  std::size_t do_read_some(std::span<mutable_buffer const> into, std::error_code& error) override;
};

/// The other end, that is written to: an output_stream. With nobody left to read, a write fails
/// with errc::broken_pipe. When it closes the reader gets the end of the stream.
class pipe_writer : public output_stream, public detail::descriptor_owner {
 public:
  /// Closed.
  pipe_writer() noexcept = default;
  /// As pipe_reader's.
  explicit pipe_writer(int fd) noexcept;
  pipe_writer(pipe_writer&&) noexcept = default;
  pipe_writer& operator=(pipe_writer&&) noexcept = default;
  ~pipe_writer() override = default;

  std::string describe() const override;

 private:
  std::size_t do_write_some(std::span<const_buffer const> from, std::size_t skip,
                            std::error_code& error) override;
};

/// Both ends of a new pipe (pipe(7)). Child programs do not inherit them.
struct pipe {
  pipe_reader reader;
  pipe_writer writer;

  /// Throws std::system_error, or sets `error`: errc::too_many_files_open.
  static pipe open();
  static pipe open(std::error_code& error);
};

}  // namespace ramie::io
