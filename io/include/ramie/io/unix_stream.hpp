// A connection between processes of one machine.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ramie/io/detail/socket_stream.hpp>
#include <ramie/io/owned_descriptor.hpp>
#include <ramie/io/unix_address.hpp>

namespace ramie::io {

/// A Unix domain stream: what an input_stream, an output_stream and a detail::socket_stream can,
/// and what follows. An error names the address of the listener.
class unix_stream : public detail::socket_stream {
 public:
  /// Closed.
  unix_stream() noexcept = default;
  unix_stream(unix_stream&&) noexcept = default;
  unix_stream& operator=(unix_stream&&) noexcept = default;
  ~unix_stream() override = default;

  /// `name`: as unix_address::parse takes it. A listener whose backlog is full is waited for; a
  /// cancellation point.
  static unix_stream connect(std::string_view name);
  static unix_stream connect(std::string_view name, std::error_code& error);

  /// Two ends of a connection without a name.
  static std::pair<unix_stream, unix_stream> pair();
  static std::pair<unix_stream, unix_stream> pair(std::error_code& error);

  /// Writes as write_some does, and passes copies of up to 253 descriptors along with the first
  /// byte (SCM_RIGHTS). The caller's stay its own. Without a byte there is nothing that they could
  /// go along with: errc::invalid_argument, as for too many of them.
  std::size_t write_descriptors(const_buffer from, std::span<int const> descriptors);
  std::size_t write_descriptors(const_buffer from, std::span<int const> descriptors,
                                std::error_code& error);

  /// Reads as read_some does, and appends the descriptors that came along with these bytes to
  /// `descriptors`. Child programs do not inherit them. Any other read closes what comes along with
  /// its bytes. If there is no room for some in this process (its limit of open files), those are
  /// lost: errc::too_many_files_open, with what has come appended and the bytes in the buffer.
  std::size_t read_descriptors(mutable_buffer into, std::vector<owned_descriptor>& descriptors);
  std::size_t read_descriptors(mutable_buffer into, std::vector<owned_descriptor>& descriptors,
                               std::error_code& error);

  /// Who was at the other end when the connection was made (SO_PEERCRED).
  struct credentials {
    pid_t process = 0;
    uid_t user = 0;
    gid_t group = 0;
  };
  credentials peer_credentials() const;
  credentials peer_credentials(std::error_code& error) const;

  /// The address of the listener, or "a pair".
  std::string describe() const override { return where_ ? where_.to_string() : "a pair"; }

 private:
  friend class unix_listener;
  unix_stream(int fd, unix_address const& where) noexcept : socket_stream(fd), where_(where) {}

  unix_address where_;
};

}  // namespace ramie::io
