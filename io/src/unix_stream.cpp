#include <ramie/io/unix_stream.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include <ramie/sched/this_fiber.hpp>
#include <ramie/sched/timed_out.hpp>

#include "attempt.hpp"
#include "sockets.hpp"

namespace ramie::io {

namespace {

using detail::direction;
using operation = detail::descriptor::operation;

constexpr std::size_t most_descriptors = 253;  // SCM_MAX_FD

/// Room for a control message with that many.
struct alignas(cmsghdr) control {
  std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> bytes;
};

/// Moves what came along to the end of `descriptors`.
void take_descriptors(msghdr& message, std::vector<owned_descriptor>& descriptors) {
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
       each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    std::size_t const count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
}

}  // namespace

// --- connect

unix_stream unix_stream::connect(std::string_view name, std::error_code& error) {
  using std::chrono::milliseconds;
  unix_address const where = unix_address::parse(name, error);
  if (error) return {};
  int const fd = detail::open_socket(AF_UNIX, SOCK_STREAM, error);
  if (fd < 0) return {};
  unix_stream result(fd, where);
  // While the backlog is full the kernel says "try again", and tells nobody when.
  for (milliseconds pause(1);; pause = std::min(2 * pause, milliseconds(50))) {
    detail::connect_socket(result.file_, where.native(), where.native_size(), error);
    if (error != std::errc::resource_unavailable_try_again) break;
    try {
      this_fiber::sleep_for(pause);
    } catch (timed_out const& expired) {
      error = expired.code();
      break;
    }
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
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    error = last_error();
    return {};
  }
  error.clear();
  return {unix_stream(ends[0], {}), unix_stream(ends[1], {})};
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
  if (!error && (from.size() == 0 || descriptors.size() > most_descriptors)) {
    error = std::make_error_code(std::errc::invalid_argument);
  }
  if (error) return 0;
  iovec part = {const_cast<std::byte*>(from.data()), from.size()};
  control extra;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = extra.bytes.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    extra.bytes.fill(0);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
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
  // Nothing may throw once they are here.
  descriptors.reserve(descriptors.size() + most_descriptors);
  iovec part = {into.data(), into.size()};
  control extra;
  msghdr message = {};
  ssize_t const count = detail::repeat(file_, direction::read, error, [&] {
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = extra.bytes.data();
    message.msg_controllen = extra.bytes.size();
    return ::recvmsg(running.number(), &message, MSG_CMSG_CLOEXEC);
  });
  if (count < 0) return 0;
  take_descriptors(message, descriptors);
  // A read ends with the bytes that descriptors came along with: that it was short tells nothing.
  note_read(0, 0);
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    error = std::make_error_code(std::errc::too_many_files_open);
  }
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
