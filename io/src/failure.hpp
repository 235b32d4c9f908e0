// What the system's errors become.
#pragma once

#include <string>
#include <system_error>

namespace ramie::io {

std::error_code last_error() noexcept;
std::error_code closed_error() noexcept;

/// Its own `clear` asks another library for the category each time.
inline void clear(std::error_code& error) noexcept {
  if (error) error.clear();
}

/// Throws the error: `timed_out` for the deadline of a scope, else std::system_error.
[[noreturn]] void fail(std::error_code error, std::string const& what);

/// fail with "operation where", if there is an error. `where` describes itself.
template <class Where>
void throw_if(std::error_code error, const char* operation, Where const& where) {
  if (!error) return;
  if constexpr (requires { where.describe(); }) {
    fail(error, operation + (" " + where.describe()));
  } else {
    fail(error, operation + (" " + where.to_string()));
  }
}

}  // namespace ramie::io
