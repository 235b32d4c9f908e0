#include "unix_bind.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include <ramie/io/owned_descriptor.hpp>

#include "failure.hpp"
#include "sockets.hpp"

namespace ramie::detail {

namespace {

bool try_to_bind(int fd, io::unix_address const& where, std::error_code& error) noexcept {
  int const result = ::bind(fd, where.native(), where.native_size());
  error = result == 0 ? std::error_code() : io::last_error();
  return result == 0;
}

/// Removes a socket that nobody has open. False: there is none.
bool remove_stale(io::unix_address const& where, int type) {
  std::string const path(where.name());
  struct stat found = {};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  std::error_code error;
  io::owned_descriptor const probe(open_socket(AF_UNIX, type, error));
  if (!probe) return false;
  // Does not wait: a backlog that is full is an error too, and another one.
  return ::connect(probe.get(), where.native(), where.native_size()) != 0 &&
         io::last_error() == std::errc::connection_refused && ::unlink(path.c_str()) == 0;
}

}  // namespace

void bind_unix(int fd, int type, io::unix_address const& where, bool replace_stale,
               std::error_code& error) {
  if (!try_to_bind(fd, where, error) && error == std::errc::address_in_use && replace_stale &&
      remove_stale(where, type)) {
    try_to_bind(fd, where, error);
  }
}

}  // namespace ramie::detail
