// Names for Unix domain sockets.
#pragma once

#include <system_error>

#include <ramie/io/unix_address.hpp>

namespace ramie::detail {

/// Gives the socket `fd`, of that type, a name. With `replace_stale` it takes the place of one
/// that nobody has open any more.
void bind_unix(int fd, int type, io::unix_address const& where, bool replace_stale,
               std::error_code& error);

}  // namespace ramie::detail
