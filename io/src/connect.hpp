// A connection to the first of several addresses that answers.
#pragma once

#include <span>
#include <system_error>

#include <ramie/io/address.hpp>
#include <ramie/io/detail/descriptor.hpp>

namespace ramie::detail {

struct connected {
  descriptor file{};
  io::address peer{};
};

/// Tries the addresses in turn, by family alternately, and the next one each time the last has
/// failed or has not answered for 250 ms, while those before go on; the first that answers wins
/// (RFC 8305, "happy eyeballs"). The error is that of the first address. A cancellation point.
connected connect_to_any(std::span<io::address const> candidates, std::error_code& error);

}  // namespace ramie::detail
