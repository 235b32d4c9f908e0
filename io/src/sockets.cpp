#include "sockets.hpp"

#include <cerrno>

#include "attempt.hpp"

namespace ramie::detail {

int open_socket(int family, int type, std::error_code& error) noexcept {
  int const fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  error = fd < 0 ? io::last_error() : std::error_code();
  return fd;
}

std::pair<int, int> open_socket_pair(int type, std::error_code& error) noexcept {
  int ends[2] = {-1, -1};
  bool const made = ::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0;
  error = made ? std::error_code() : io::last_error();
  return {ends[0], ends[1]};
}

bool begin_connect(int fd, sockaddr const* peer, socklen_t size, std::error_code& error) noexcept {
  int const result = ::connect(fd, peer, size);
  error = result == 0 ? std::error_code() : io::last_error();
  // An interrupted connect goes on like one that would block.
  bool const under_way = error.value() == EINPROGRESS || error.value() == EINTR;
  if (under_way) error.clear();
  return under_way;
}

std::error_code outcome_of_connect(int fd) noexcept {
  int result = 0;
  socklen_t size = sizeof result;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &size) != 0) return io::last_error();
  return {result, std::system_category()};
}

void connect_socket(descriptor& file, sockaddr const* peer, socklen_t size,
                    std::error_code& error) {
  descriptor::operation const running(file);
  error = running ? std::error_code() : io::closed_error();
  if (error || !begin_connect(running.number(), peer, size, error)) return;
  error = file.wait(direction::write);
  if (!error) error = outcome_of_connect(running.number());
}

void set_option_bytes(descriptor& file, int level, int name, void const* value, socklen_t size,
                      std::error_code& error) {
  call_once(file, error, [&](int fd) { return ::setsockopt(fd, level, name, value, size); });
}

socklen_t local_name_of(int fd, sockaddr_storage& name, std::error_code& error) noexcept {
  socklen_t size = sizeof name;
  bool const found = ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0;
  error = found ? std::error_code() : fd < 0 ? io::closed_error() : io::last_error();
  return found ? size : 0;
}

}  // namespace ramie::detail
