#include "blocking_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace blocking {

namespace {

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::system_category(), what);
}

}  // namespace

socket& socket::operator=(socket&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

socket::~socket() {
  if (fd_ >= 0) ::close(fd_);
}

void socket::close() noexcept {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

std::size_t tcp_stream::read_some(std::span<char> into) {
  for (;;) {
    ssize_t const count = ::recv(socket_.number(), into.data(), into.size(), 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw_errno("read");
  }
}

void tcp_stream::write_all(std::string_view text) {
  while (!text.empty()) {
    ssize_t const count = ::send(socket_.number(), text.data(), text.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw_errno("write");
    }
  }
}

void tcp_stream::set_no_delay(bool enable) {
  int const value = enable ? 1 : 0;
  if (::setsockopt(socket_.number(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) != 0) {
    throw_errno("set_no_delay");
  }
}

tcp_listener tcp_listener::bind(std::uint16_t port) {
  int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw_errno("socket");
  tcp_listener result(fd);
  int const on = 1;
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
      ::listen(fd, 4096) != 0) {
    throw_errno("bind");
  }
  return result;
}

tcp_stream tcp_listener::accept(std::error_code& error) {
  for (;;) {
    int const fd = ::accept4(socket_.number(), nullptr, nullptr, SOCK_CLOEXEC);
    error.clear();
    if (fd >= 0) return tcp_stream(fd);
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // EINVAL: it was shut down by close().
    error = errno == EINVAL ? std::make_error_code(std::errc::operation_canceled)
                            : std::error_code(errno, std::system_category());
    return {};
  }
}

std::uint16_t tcp_listener::local_port() const {
  sockaddr_in where = {};
  socklen_t size = sizeof where;
  if (::getsockname(socket_.number(), reinterpret_cast<sockaddr*>(&where), &size) != 0) {
    throw_errno("getsockname");
  }
  return ntohs(where.sin_port);
}

}  // namespace blocking
