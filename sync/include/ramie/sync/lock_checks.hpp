// Looks for misuse of ramie's mutexes while a program runs.
//
// With the checks on,
// - locking a mutex that the caller holds throws std::system_error
//   (resource_deadlock_would_occur) instead of waiting forever ([thread.mutex.class] allows it);
// - unlocking one that the caller does not hold throws std::system_error (operation_not_permitted);
// - locking mutexes in an order that could deadlock with the order in which they were locked before
//   is reported, with the names of both fibers and where each of them locked what;
// - destroying a mutex that somebody holds is reported; destroying anything that somebody waits for
//   is reported, and ends the program.
//
// They cost some microseconds for each lock. While they are off they cost a load of a flag that
// nobody writes.
#pragma once

#include <functional>
#include <string_view>

namespace ramie {

/// Whether the checks are on. The default is what the environment variable RAMIE_LOCK_CHECKS says
/// (1 or 0), or else: on if ramie itself was built without NDEBUG. Any thread.
bool lock_checks() noexcept;

/// Turns the checks on or off, while no lock of ramie's is held or waited for by anybody.
void set_lock_checks(bool on) noexcept;

/// Who gets the reports; an empty handler puts the first one back, which writes them to standard
/// error. It is called, by one thread at a time, where the misuse was seen; it must neither throw
/// nor lock a mutex of ramie's. Any thread.
void set_lock_report_handler(std::function<void(std::string_view report)> handler);

}  // namespace ramie
