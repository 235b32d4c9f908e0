// What listeners and streams share.
#pragma once

#include <string>
#include <system_error>

#include <ramie/io/address.hpp>

namespace ramie::io {

std::error_code last_error() noexcept;
std::error_code closed_error() noexcept;

/// A non-blocking TCP socket that child programs do not inherit; -1 and an error if there is none.
int open_tcp_socket(int family, std::error_code& error) noexcept;

/// The local address of a descriptor; empty and an error if it has none.
address local_address_of(int fd, std::error_code& error) noexcept;

/// Throws the error: `timed_out` for the deadline of a scope, else std::system_error.
[[noreturn]] void fail(std::error_code error, std::string const& what);

/// fail with "operation where", if there is an error.
void throw_if(std::error_code error, const char* operation, address const& where);

}  // namespace ramie::io
