// OS threads of ramie's own, which take no signals.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace ramie::detail {

/// Starts a thread on which all signals are blocked but those of faults and profilers: signals sent
/// to the process are for the user's own threads. Throws std::system_error.
std::thread start_quiet_thread(std::function<void()> body);

/// Names the calling thread after its runtime and what it does there; 15 bytes are kept.
void name_this_thread(std::string const& runtime, const char* role) noexcept;

}  // namespace ramie::detail
