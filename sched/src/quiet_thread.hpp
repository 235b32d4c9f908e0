// OS threads of ramie's own, which take no signals.
#pragma once

#include <functional>
#include <thread>

namespace ramie::detail {

/// Starts a thread on which all signals are blocked but those of faults and profilers: signals sent
/// to the process are for the user's own threads. Throws std::system_error.
std::thread start_quiet_thread(std::function<void()> body);

}  // namespace ramie::detail
