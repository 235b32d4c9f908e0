// TLS for a program that knows blocking sockets only.
#pragma once

#include <cstdint>
#include <string>
#include <thread>

namespace ramie::test::rude {

struct tunnel {
  int fd;              // A blocking socket, the caller's: what goes through it goes over TLS.
  std::thread runner;  // Ends when both directions have, or the connection breaks.
};

/// `resets`: the connection below is reset when the process ends.
tunnel open_tunnel(std::uint16_t port, std::string const& authorities, bool resets);

}  // namespace ramie::test::rude
