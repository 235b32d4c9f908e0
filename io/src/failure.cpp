#include "failure.hpp"

#include <cerrno>

#include <ramie/sched/timed_out.hpp>

namespace ramie::io {

// Not inlined: the header lets a compiler keep the address of errno, and link-time optimisation
// would keep it in a caller that waits in between. So whoever waits reads errno here only.
[[gnu::noinline]] std::error_code last_error() noexcept {
  asm volatile("" ::: "memory");
  return {errno, std::system_category()};
}

std::error_code closed_error() noexcept {
  return std::make_error_code(std::errc::bad_file_descriptor);
}

void fail(std::error_code error, std::string const& what) {
  // Not a connection's ETIMEDOUT, which is of the system's category.
  if (error == std::make_error_code(std::errc::timed_out)) throw timed_out(what);
  throw std::system_error(error, what);
}

}  // namespace ramie::io
