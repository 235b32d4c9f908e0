#include <ramie/io/unix_listener.hpp>

#include <sys/socket.h>

#include <string>

#include "failure.hpp"
#include "sockets.hpp"
#include "unix_bind.hpp"

namespace ramie::io {

unix_listener unix_listener::bind(std::string_view name, unix_listen_options options,
                                  std::error_code& error) {
  unix_address const where = unix_address::parse(name, error);
  if (error) return {};
  int const fd = detail::open_socket(AF_UNIX, SOCK_STREAM, error);
  if (fd < 0) return {};
  unix_listener result(fd, where);
  detail::bind_unix(fd, where, options.replace_stale, options.backlog, error);
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
  auto const [fd, is_fresh] = accept_one(peer, size, error);
  if (fd < 0) return {};
  unix_stream result(fd, where_);
  result.expect_data_later(is_fresh);
  return result;
}

unix_stream unix_listener::accept() {
  std::error_code error;
  unix_stream result = accept(error);
  throw_if(error, "accept at", where_);
  return result;
}

}  // namespace ramie::io
