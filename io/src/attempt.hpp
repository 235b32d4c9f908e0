// System calls on non-blocking descriptors, repeated until they have an outcome.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <system_error>

#include <ramie/io/detail/descriptor.hpp>

#include "failure.hpp"

namespace ramie::detail {

/// Calls `attempt`, which returns what a system call returns, until it neither is interrupted nor
/// would block; if it would, calls `wait` first, which returns an error. -1: there is an error,
/// else there is none.
template <class Wait, class Attempt>
ssize_t repeat(Wait wait, std::error_code& error, Attempt attempt) {
  for (;;) {
    ssize_t const result = attempt();
    if (result >= 0) {
      io::clear(error);
      return result;
    }
    error = io::last_error();
    if (error.value() == EINTR) continue;
    if (error != std::errc::operation_would_block) return -1;
    error = wait();
    if (error) return -1;
  }
}

/// The same within an operation on `file`, which is waited for.
template <class Attempt>
ssize_t repeat(descriptor& file, direction side, std::error_code& error, Attempt attempt) {
  return repeat([&] { return file.wait(side); }, error, attempt);
}

/// Makes one system call within an operation on `file`, again if it is interrupted.
template <class Attempt>
ssize_t call_once(descriptor& file, std::error_code& error, Attempt attempt) {
  descriptor::operation const running(file);
  if (!running) {
    error = io::closed_error();
    return -1;
  }
  for (;;) {
    ssize_t const result = attempt(running.number());
    error = result >= 0 ? std::error_code() : io::last_error();
    if (result >= 0 || error.value() != EINTR) return result;
  }
}

}  // namespace ramie::detail
