#include <ramie/io/detail/socket_stream.hpp>

#include <sys/socket.h>

#include <utility>

#include "attempt.hpp"
#include "vectors.hpp"

namespace ramie::detail {

using io::closed_error;

socket_stream::socket_stream(socket_stream&& other) noexcept
    : file_(std::move(other.file_)), drained_(other.drained_.load(std::memory_order_relaxed)) {}

socket_stream& socket_stream::operator=(socket_stream&& other) noexcept {
  if (this == &other) return *this;
  file_ = std::move(other.file_);
  drained_.store(other.drained_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return *this;
}

bool socket_stream::await_data(std::error_code& error) {
  if (!drained_.load(std::memory_order_relaxed)) return true;
  error = file_.wait(direction::read);
  return !error;
}

void socket_stream::note_read(ssize_t count, std::size_t room) noexcept {
  bool const emptied = count > 0 && static_cast<std::size_t>(count) < room;
  drained_.store(emptied, std::memory_order_relaxed);
}

std::size_t socket_stream::do_read_some(std::span<io::mutable_buffer const> into,
                                        std::error_code& error) {
  descriptor::operation const running(file_);
  if (!running) error = closed_error();
  if (!running || !await_data(error)) return 0;
  if (into.size() != 1) return read_several(running.number(), into, error);
  io::mutable_buffer const buffer = into.front();
  ssize_t const count = repeat(file_, direction::read, error, [&] {
    return ::recv(running.number(), buffer.data(), buffer.size(), 0);
  });
  note_read(count, buffer.size());
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

// Not inlined: whoever waits for one buffer would hold the room for the vectors on its stack.
[[gnu::noinline]] std::size_t socket_stream::read_several(int fd,
                                                          std::span<io::mutable_buffer const> into,
                                                          std::error_code& error) {
  vectors parts(into);
  msghdr message = parts.message();
  ssize_t const count =
      repeat(file_, direction::read, error, [&] { return ::recvmsg(fd, &message, 0); });
  note_read(count, parts.bytes());
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

// MSG_NOSIGNAL: a peer that is gone is an error of this call, not SIGPIPE.
std::size_t socket_stream::do_write_some(std::span<io::const_buffer const> from, std::size_t skip,
                                         std::error_code& error) {
  descriptor::operation const running(file_);
  if (!running) {
    error = closed_error();
    return 0;
  }
  if (from.size() != 1) return write_several(running.number(), from, skip, error);
  io::const_buffer const rest = from.front().rest(skip);
  ssize_t const count = repeat(file_, direction::write, error, [&] {
    return ::send(running.number(), rest.data(), rest.size(), MSG_NOSIGNAL);
  });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

[[gnu::noinline]] std::size_t socket_stream::write_several(int fd,
                                                           std::span<io::const_buffer const> from,
                                                           std::size_t skip,
                                                           std::error_code& error) {
  vectors parts(from, skip);
  msghdr const message = parts.message();
  ssize_t const count =
      repeat(file_, direction::write, error, [&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void socket_stream::do_shutdown_write(std::error_code& error) {
  call_once(file_, error, [](int fd) { return ::shutdown(fd, SHUT_WR); });
}

}  // namespace ramie::detail
