// Errors of ramie::io that the operating system has no number for.
#pragma once

#include <system_error>
#include <type_traits>

namespace ramie::io {

enum class errc {
  end_of_stream = 1,     ///< The stream ended before a whole part had come.
  unresolved_name,       ///< There is no such host, or it has no address.
  registration_failed,   ///< The kernel refused to watch the descriptor (out of memory or of
                         ///< watches).
  limit_exceeded,        ///< A part of a stream is longer than its reader allows.
  unknown_service,       ///< Neither a port number nor the name of a service.
  resolver_unavailable,  ///< The name server has not answered; it might later.
  resolver_failed        ///< The name server, or its answer, is broken.
};

/// The category "ramie.io".
std::error_category const& error_category() noexcept;

std::error_code make_error_code(errc value) noexcept;

}  // namespace ramie::io

template <>
struct std::is_error_code_enum<ramie::io::errc> : std::true_type {};
