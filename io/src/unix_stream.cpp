#include <ramie/io/unix_stream.hpp>

#include <sys/socket.h>

#include "attempt.hpp"
#include "backoff.hpp"
#include "passed_descriptors.hpp"
#include "sockets.hpp"

namespace ramie::io {

using detail::direction;
using detail::passed_descriptors;
using operation = detail::descriptor::operation;

// --- connect

unix_stream unix_stream::connect(std::string_view name, std::error_code& error) {
  unix_address const where = unix_address::parse(name, error);
  if (error) return {};
  int const fd = detail::open_socket(AF_UNIX, SOCK_STREAM, error);
  if (fd < 0) return {};
  unix_stream result(fd, where);
  // While the backlog is full the kernel says "try again", and tells nobody when.
  for (detail::backoff pauses;;) {
    detail::connect_socket(result.file_, where.native(), where.native_size(), error);
    if (error != std::errc::resource_unavailable_try_again) break;
    error = pauses.pause();
    if (error) break;
  }
  return error ? unix_stream() : std::move(result);
}

unix_stream unix_stream::connect(std::string_view name) {
  std::error_code error;
  unix_stream result = connect(name, error);
  if (error) fail(error, "connect " + std::string(name));
  return result;
}

std::pair<unix_stream, unix_stream> unix_stream::pair(std::error_code& error) {
  auto const ends = detail::open_socket_pair(SOCK_STREAM, error);
  if (error) return {};
  return {unix_stream(ends.first, {}), unix_stream(ends.second, {})};
}

std::pair<unix_stream, unix_stream> unix_stream::pair() {
  std::error_code error;
  auto result = pair(error);
  if (error) fail(error, "pair of unix_streams");
  return result;
}

// --- descriptors

std::size_t unix_stream::write_descriptors(const_buffer from, std::span<int const> descriptors,
                                           std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (!error && (from.size() == 0 || descriptors.size() > passed_descriptors::most)) {
    error = std::make_error_code(std::errc::invalid_argument);
  }
  if (error) return 0;
  iovec part = {const_cast<std::byte*>(from.data()), from.size()};
  passed_descriptors along;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  along.attach_to(message, descriptors);
  ssize_t const count = detail::repeat(file_, direction::write, error, [&] {
    return ::sendmsg(running.number(), &message, MSG_NOSIGNAL);
  });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t unix_stream::read_descriptors(mutable_buffer into,
                                          std::vector<owned_descriptor>& descriptors,
                                          std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error || into.size() == 0 || !await_data(error)) return 0;
  descriptors.reserve(descriptors.size() + passed_descriptors::most);
  iovec part = {into.data(), into.size()};
  passed_descriptors along;
  msghdr message = {};
  ssize_t const count = detail::repeat(file_, direction::read, error, [&] {
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    along.make_room_for(message);
    return ::recvmsg(running.number(), &message, MSG_CMSG_CLOEXEC);
  });
  if (count < 0) return 0;
  error = passed_descriptors::take_from(message, descriptors);
  // A read ends with the bytes that descriptors came along with: that it was short tells nothing.
  note_read(0, 0);
  return static_cast<std::size_t>(count);
}

std::size_t unix_stream::write_descriptors(const_buffer from, std::span<int const> descriptors) {
  std::error_code error;
  std::size_t const count = write_descriptors(from, descriptors, error);
  throw_if(error, "write descriptors to", *this);
  return count;
}

std::size_t unix_stream::read_descriptors(mutable_buffer into,
                                          std::vector<owned_descriptor>& descriptors) {
  std::error_code error;
  std::size_t const count = read_descriptors(into, descriptors, error);
  throw_if(error, "read descriptors from", *this);
  return count;
}

// --- the peer

unix_stream::credentials unix_stream::peer_credentials(std::error_code& error) const {
  ucred found = {};
  socklen_t size = sizeof found;
  if (::getsockopt(native_handle(), SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) {
    error = is_open() ? last_error() : closed_error();
    return {};
  }
  error.clear();
  return {found.pid, found.uid, found.gid};
}

unix_stream::credentials unix_stream::peer_credentials() const {
  std::error_code error;
  credentials const result = peer_credentials(error);
  throw_if(error, "peer_credentials of", *this);
  return result;
}

}  // namespace ramie::io
