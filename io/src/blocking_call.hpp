// System calls that may block their OS thread.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <system_error>

#include <ramie/io/detail/descriptor.hpp>
#include <ramie/sched/blocking.hpp>

#include "failure.hpp"

namespace ramie::detail {

/// Calls `attempt`, which returns what a system call returns, where it holds no worker; again if it
/// is interrupted. -1: there is an error. Throws `cancelled`, and what `attempt` throws.
template <class Attempt>
ssize_t block(std::error_code& error, Attempt attempt) {
  ssize_t result = -1;
  try {
    blocking([&] {
      do {
        result = attempt();
        error = result >= 0 ? std::error_code() : io::last_error();
      } while (error.value() == EINTR && result < 0);
    });
  } catch (std::system_error const& refused) {  // No thread to be had, or the deadline has come.
    error = refused.code();
  }
  return error ? -1 : result;
}

/// The same for an open file, by its number.
template <class Attempt>
ssize_t block(descriptor& file, std::error_code& error, Attempt attempt) {
  descriptor::operation const running(file);
  if (!running) {
    error = io::closed_error();
    return -1;
  }
  return block(error, [&] { return static_cast<ssize_t>(attempt(running.number())); });
}

}  // namespace ramie::detail
