#include <ramie/io/unix_listener.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "failure.hpp"
#include "sockets.hpp"

namespace ramie::io {

namespace {

bool bind_to(int fd, unix_address const& where, std::error_code& error) noexcept {
  int const result = ::bind(fd, where.native(), where.native_size());
  error = result == 0 ? std::error_code() : last_error();
  return result == 0;
}

/// Removes a socket that nobody listens on. False: there is none.
bool remove_stale(std::string const& path) {
  struct stat found = {};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  std::error_code error;
  owned_descriptor const probe(detail::open_socket(AF_UNIX, SOCK_STREAM, error));
  if (!probe) return false;
  unix_address const where = unix_address::parse(path, error);
  // Does not wait: a backlog that is full is an error too, and another one.
  return ::connect(probe.get(), where.native(), where.native_size()) != 0 &&
         last_error() == std::errc::connection_refused && ::unlink(path.c_str()) == 0;
}

}  // namespace

unix_listener unix_listener::bind(std::string_view name, unix_listen_options options,
                                  std::error_code& error) {
  unix_address const where = unix_address::parse(name, error);
  if (error) return {};
  int const fd = detail::open_socket(AF_UNIX, SOCK_STREAM, error);
  if (fd < 0) return {};
  unix_listener result(fd, where);
  bool bound = bind_to(fd, where, error);
  if (error == std::errc::address_in_use && options.replace_stale &&
      remove_stale(std::string(name))) {
    bound = bind_to(fd, where, error);
  }
  if (bound && ::listen(fd, options.backlog) != 0) error = last_error();
  return error ? unix_listener() : std::move(result);
}

unix_listener unix_listener::bind(std::string_view name, std::error_code& error) {
  return bind(name, unix_listen_options{}, error);
}

unix_listener unix_listener::bind(std::string_view name, unix_listen_options options) {
  std::error_code error;
  unix_listener result = bind(name, options, error);
  if (error) fail(error, "bind " + std::string(name));
  return result;
}

unix_stream unix_listener::accept(std::error_code& error) {
  sockaddr_storage peer;  // A client has no name.
  socklen_t size = 0;
  int const fd = accept_one(peer, size, error);
  return fd < 0 ? unix_stream() : unix_stream(fd, where_);
}

unix_stream unix_listener::accept() {
  std::error_code error;
  unix_stream result = accept(error);
  throw_if(error, "accept at", where_);
  return result;
}

}  // namespace ramie::io
