// Datagrams between processes of one machine.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ramie/io/detail/datagram_socket.hpp>
#include <ramie/io/owned_descriptor.hpp>
#include <ramie/io/unix_address.hpp>

namespace ramie::io {

/// How to bind. An aggregate for designated initialisers.
struct unix_datagram_options {
  /// Takes the place of a socket that an earlier one has left behind. One that somebody still
  /// receives on stays: errc::address_in_use.
  bool replace_stale = true;
};

/// A detail::datagram_socket of Unix domain addresses. Nothing is lost on the way: who sends waits
/// while the receiver has no room, by looking again every few milliseconds where they are not
/// connected, for the kernel tells nobody then. The socket's file stays when it closes.
class unix_datagram_socket : public detail::datagram_socket<unix_address> {
 public:
  /// Closed.
  unix_datagram_socket() noexcept = default;
  unix_datagram_socket(unix_datagram_socket&&) noexcept = default;
  unix_datagram_socket& operator=(unix_datagram_socket&&) noexcept = default;
  ~unix_datagram_socket() = default;

  /// `name`: as unix_address::parse takes it, or empty: any free abstract one. A path where
  /// something is: errc::address_in_use.
  static unix_datagram_socket bind(std::string_view name, unix_datagram_options options = {});
  static unix_datagram_socket bind(std::string_view name, std::error_code& error);
  static unix_datagram_socket bind(std::string_view name, unix_datagram_options options,
                                   std::error_code& error);

  /// A socket, of any free abstract name, that sends to and receives from one peer only.
  static unix_datagram_socket connect(std::string_view name);
  static unix_datagram_socket connect(std::string_view name, std::error_code& error);

  /// Two without names, connected to each other.
  static std::pair<unix_datagram_socket, unix_datagram_socket> pair();
  static std::pair<unix_datagram_socket, unix_datagram_socket> pair(std::error_code& error);

  /// As send and send_to; copies of up to 253 descriptors go along (SCM_RIGHTS). The caller's stay
  /// its own. errc::invalid_argument: too many of them.
  std::size_t send_descriptors(const_buffer from, std::span<int const> descriptors);
  std::size_t send_descriptors(const_buffer from, std::span<int const> descriptors,
                               std::error_code& error);
  std::size_t send_descriptors_to(unix_address const& to, const_buffer from,
                                  std::span<int const> descriptors);
  std::size_t send_descriptors_to(unix_address const& to, const_buffer from,
                                  std::span<int const> descriptors, std::error_code& error);

  /// As receive; appends the descriptors that came along to `descriptors`. Child programs do not
  /// inherit them. `receive` closes what comes along. If there is no room for some in this process
  /// (its limit of open files), those are lost: errc::too_many_files_open, with what has come
  /// appended and the datagram in the buffer.
  received receive_descriptors(mutable_buffer into, std::vector<owned_descriptor>& descriptors);
  received receive_descriptors(mutable_buffer into, std::vector<owned_descriptor>& descriptors,
                               std::error_code& error);

 private:
  explicit unix_datagram_socket(int fd) noexcept : datagram_socket(fd) {}
};

}  // namespace ramie::io
