// Names for Unix domain sockets.
#pragma once

#include <optional>
#include <system_error>

#include <ramie/io/unix_address.hpp>

namespace ramie::detail {

/// Gives the socket `fd` a name, and if there is a backlog, which makes it a stream's, listens.
/// With `replace_stale` it takes the place of one that nobody has open any more.
void bind_unix(int fd, io::unix_address const& where, bool replace_stale,
               std::optional<int> backlog, std::error_code& error);

}  // namespace ramie::detail
