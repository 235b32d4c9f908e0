// A stream in both directions.
#pragma once

#include <string>
#include <system_error>

#include <ramie/io/input_stream.hpp>
#include <ramie/io/output_stream.hpp>

namespace ramie::io {

/// What connections have in common, whatever carries them.
class duplex_stream : public input_stream, public output_stream {
 public:
  /// Ends the outgoing direction: the peer reads to the end. Reading goes on.
  void shutdown_write();
  void shutdown_write(std::error_code& error) { do_shutdown_write(error); }

  virtual bool is_open() const noexcept = 0;
  /// Ends both directions. May be called while others read and write; their calls end with
  /// errc::operation_canceled.
  virtual void close() noexcept = 0;

  std::string describe() const override = 0;

 protected:
  duplex_stream() noexcept = default;
  duplex_stream(duplex_stream&&) noexcept = default;
  duplex_stream& operator=(duplex_stream&&) noexcept = default;

 private:
  /// Clears or sets `error`.
  virtual void do_shutdown_write(std::error_code& error) = 0;
};

}  // namespace ramie::io
