// Invariants that hold in every build type.
#pragma once

namespace ramie::detail {

/// Prints the broken invariant and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace ramie::detail

/// Aborts with a message, in every build type, unless `condition` holds. For ramie's own
/// invariants; what a user can get wrong is a typed error instead.
#define RAMIE_ASSERT(condition) \
  (static_cast<bool>(condition) \
       ? void()                 \
       : ::ramie::detail::assertion_failed(#condition, __FILE__, __LINE__))

/// Aborts: control must never get here.
#define RAMIE_UNREACHABLE(what) ::ramie::detail::assertion_failed(what, __FILE__, __LINE__)
