// One round: runtimes, scenes and actors drawn from a seed, and a watchdog.
#pragma once

#include <chrono>
#include <cstdint>

namespace stress {

/// Plays the round of the seed, and says on standard output which it is. If what must hold does
/// not, or nobody makes a step for so long, it says what and who on standard error and aborts.
void play_round(std::uint64_t seed, std::chrono::seconds patience);

}  // namespace stress
