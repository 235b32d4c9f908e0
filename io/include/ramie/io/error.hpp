// Errors of ramie::io that the operating system has no number for.
#pragma once

#include <system_error>
#include <type_traits>

namespace ramie::io {

enum class errc {
  end_of_stream = 1,   ///< read_exact: the peer ended the stream before the buffer was full.
  unresolved_name,     ///< The host is neither a numeric address nor "localhost".
  registration_failed  ///< The kernel refused to watch the descriptor (out of memory or of
                       ///< watches).
};

/// The category "ramie.io".
std::error_category const& error_category() noexcept;

std::error_code make_error_code(errc value) noexcept;

}  // namespace ramie::io

template <>
struct std::is_error_code_enum<ramie::io::errc> : std::true_type {};
