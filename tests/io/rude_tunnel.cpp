#include "rude_tunnel.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <ramie/io/copy.hpp>
#include <ramie/io/tcp_stream.hpp>
#include <ramie/io/tls_stream.hpp>
#include <ramie/io/unix_stream.hpp>
#include <ramie/sched/runtime.hpp>

namespace ramie::test::rude {

namespace {

void carry(io::unix_stream inner, std::uint16_t port, std::string const& authorities, bool resets) {
  auto const context = io::tls_context::client({.authorities = authorities});
  auto below = io::tcp_stream::connect("127.0.0.1", port);
  below.set_no_delay(true);
  if (resets) below.set_reset_on_close();
  auto outer = io::tls_stream::connect(context, std::move(below), "127.0.0.1");
  copy_both_ways(inner, outer);
}

}  // namespace

tunnel open_tunnel(std::uint16_t port, std::string const& authorities, bool resets) {
  auto [inner, given] = io::unix_stream::pair();
  int const fd = ::fcntl(given.native_handle(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0 || ::fcntl(fd, F_SETFL, 0) != 0) {
    throw std::system_error(errno, std::generic_category(), "tunnel");
  }
  // Little lies between the program and the connection.
  int const size = 4096;
  for (int const end : {fd, inner.native_handle()}) {
    ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  std::thread runner([inner = std::move(inner), port, authorities, resets]() mutable {
    try {
      run({.workers = 1}, [&] { carry(std::move(inner), port, authorities, resets); });
    } catch (std::system_error const&) {
      // The server has ended the connection: the program sees its own end closed.
    }
  });
  return {fd, std::move(runner)};
}

}  // namespace ramie::test::rude
