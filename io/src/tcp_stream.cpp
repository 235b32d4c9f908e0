#include <ramie/io/tcp_stream.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include <ramie/io/error.hpp>

#include "socket.hpp"

namespace ramie::io {

namespace {

using detail::direction;
using operation = detail::descriptor::operation;

/// Calls `attempt`, which returns what a system call returns, until it neither is interrupted nor
/// would block. -1: there is an error.
template <class Attempt>
ssize_t repeat(detail::descriptor& file, direction side, std::error_code& error, Attempt attempt) {
  for (;;) {
    ssize_t const result = attempt();
    if (result >= 0) {
      error.clear();
      return result;
    }
    error = last_error();
    if (error.value() == EINTR) continue;
    if (error != std::errc::operation_would_block) return -1;
    error = file.wait(side);
    if (error) return -1;
  }
}

/// What became of a connect that was under way.
std::error_code outcome_of_connect(int fd) noexcept {
  int result = 0;
  socklen_t size = sizeof result;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &size) != 0) return last_error();
  return {result, std::system_category()};
}

}  // namespace

tcp_stream::tcp_stream(tcp_stream&& other) noexcept
    : file_(std::move(other.file_)),
      peer_(other.peer_),
      drained_(other.drained_.load(std::memory_order_relaxed)) {}

tcp_stream& tcp_stream::operator=(tcp_stream&& other) noexcept {
  if (this == &other) return *this;
  file_ = std::move(other.file_);
  peer_ = other.peer_;
  drained_.store(other.drained_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return *this;
}

void tcp_stream::check(std::error_code error, const char* what) const {
  throw_if(error, what, peer_);
}

// --- connect

tcp_stream tcp_stream::connect(address const& peer, std::error_code& error) {
  int const fd = open_tcp_socket(peer.family(), error);
  if (fd < 0) return {};
  tcp_stream result(fd, peer);
  // An interrupted connect goes on like one that would block.
  if (::connect(fd, peer.native(), peer.native_size()) == 0) return result;
  error = last_error();
  if (error.value() == EINPROGRESS || error.value() == EINTR) {
    operation const running(result.file_);
    error = result.file_.wait(direction::write);
    if (!error) error = outcome_of_connect(fd);
  }
  return error ? tcp_stream() : std::move(result);
}

tcp_stream tcp_stream::connect(std::string_view host, std::uint16_t port, std::error_code& error) {
  address const peer = address::parse(host, port, error);
  if (error) return {};
  tcp_stream result = connect(peer, error);
  if (error != std::errc::connection_refused || host != "localhost") return result;
  std::error_code second;
  result = connect(address::parse("::1", port, second), second);
  if (!second) error.clear();  // Else the first one tells more.
  return result;
}

tcp_stream tcp_stream::connect(address const& peer) {
  std::error_code error;
  tcp_stream result = connect(peer, error);
  throw_if(error, "connect", peer);
  return result;
}

tcp_stream tcp_stream::connect(std::string_view host, std::uint16_t port) {
  std::error_code error;
  tcp_stream result = connect(host, port, error);
  if (error) fail(error, "connect " + std::string(host) + ":" + std::to_string(port));
  return result;
}

// --- read

std::size_t tcp_stream::read_some(mutable_buffer into, std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error || into.size() == 0) return 0;
  if (drained_.load(std::memory_order_relaxed)) {
    error = file_.wait(direction::read);
    if (error) return 0;
  }
  ssize_t const count = repeat(file_, direction::read, error, [&] {
    return ::recv(running.number(), into.data(), into.size(), 0);
  });
  bool const emptied = count > 0 && static_cast<std::size_t>(count) < into.size();
  drained_.store(emptied, std::memory_order_relaxed);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t tcp_stream::read_exact(mutable_buffer into, std::error_code& error) {
  error.clear();
  std::size_t done = 0;
  while (done < into.size() && !error) {
    std::size_t const count = read_some(std::span(into.data() + done, into.size() - done), error);
    if (count == 0 && !error) error = errc::end_of_stream;
    done += count;
  }
  return done;
}

std::size_t tcp_stream::read_some(mutable_buffer into) {
  std::error_code error;
  std::size_t const count = read_some(into, error);
  check(error, "read from");
  return count;
}

std::size_t tcp_stream::read_exact(mutable_buffer into) {
  std::error_code error;
  std::size_t const count = read_exact(into, error);
  check(error, "read from");
  return count;
}

// --- write

std::size_t tcp_stream::write_some(const_buffer from, std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error || from.size() == 0) return 0;
  // MSG_NOSIGNAL: a peer that is gone is an error of this call, not SIGPIPE.
  ssize_t const count = repeat(file_, direction::write, error, [&] {
    return ::send(running.number(), from.data(), from.size(), MSG_NOSIGNAL);
  });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t tcp_stream::write_all(const_buffer from, std::error_code& error) {
  error.clear();
  std::size_t done = 0;
  while (done < from.size() && !error) done += write_some(from.rest(done), error);
  return done;
}

std::size_t tcp_stream::write_some(const_buffer from) {
  std::error_code error;
  std::size_t const count = write_some(from, error);
  check(error, "write to");
  return count;
}

std::size_t tcp_stream::write_all(const_buffer from) {
  std::error_code error;
  std::size_t const count = write_all(from, error);
  check(error, "write to");
  return count;
}

// --- the rest

void tcp_stream::shutdown_write(std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (!error && ::shutdown(running.number(), SHUT_WR) != 0) error = last_error();
}

void tcp_stream::shutdown_write() {
  std::error_code error;
  shutdown_write(error);
  check(error, "shutdown_write to");
}

void tcp_stream::set_no_delay(bool enable, std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  int const value = enable ? 1 : 0;
  if (!error && ::setsockopt(running.number(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value)) {
    error = last_error();
  }
}

void tcp_stream::set_no_delay(bool enable) {
  std::error_code error;
  set_no_delay(enable, error);
  check(error, "set_no_delay to");
}

address tcp_stream::local_address(std::error_code& error) const {
  return local_address_of(native_handle(), error);
}

address tcp_stream::local_address() const {
  std::error_code error;
  address const result = local_address(error);
  check(error, "local_address to");
  return result;
}

}  // namespace ramie::io
