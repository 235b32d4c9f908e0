#include "socket.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <string>

#include <ramie/sched/timed_out.hpp>

namespace ramie::io {

// Not inlined: the header lets a compiler keep the address of errno, and link-time optimisation
// would keep it in a caller that waits in between. So whoever waits reads errno here only.
[[gnu::noinline]] std::error_code last_error() noexcept {
  asm volatile("" ::: "memory");
  return {errno, std::system_category()};
}

std::error_code closed_error() noexcept {
  return std::make_error_code(std::errc::bad_file_descriptor);
}

int open_tcp_socket(int family, std::error_code& error) noexcept {
  int const fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  error = fd < 0 ? last_error() : std::error_code();
  return fd;
}

address local_address_of(int fd, std::error_code& error) noexcept {
  sockaddr_storage native = {};
  socklen_t size = sizeof native;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&native), &size) != 0) {
    error = fd < 0 ? closed_error() : last_error();
    return {};
  }
  error.clear();
  return address::from(reinterpret_cast<sockaddr const*>(&native), size);
}

void fail(std::error_code error, std::string const& what) {
  // Not a connection's ETIMEDOUT, which is of the system's category.
  if (error == std::make_error_code(std::errc::timed_out)) throw timed_out(what);
  throw std::system_error(error, what);
}

void throw_if(std::error_code error, const char* operation, address const& where) {
  if (error) fail(error, operation + (" " + where.to_string()));
}

}  // namespace ramie::io
