// How a plain OS thread waits for a descriptor.
#pragma once

#include <cstdint>
#include <system_error>

#include "poller.hpp"

namespace ramie::detail {

/// Blocks the calling thread in poll(2). Errors as descriptor::wait.
std::error_code thread_wait(wait_target target, direction side);

/// Ends the waits for an owned descriptor that is closed.
void wake_threads_that_wait_for(std::uint64_t identity) noexcept;

}  // namespace ramie::detail
