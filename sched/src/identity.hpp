// Who calls: a fiber, or code that runs in the name of a record without being able to switch.
#pragma once

#include <ramie/sched/detail/record.hpp>

namespace ramie::detail {

/// The fiber that calls, or else the record in whose name the OS thread runs (a function of
/// spawn_blocking, or of blocking); null: none. Whose id, name, locals and cancellation are asked
/// for. Unlike current_fiber, what it returns may not be parked by the caller.
fiber_record* current_record() noexcept;

/// The calling OS thread runs in the name of `record` from here on; null: in its own.
void name_thread_after(fiber_record* record) noexcept;

/// In a forked child: the waits of the calling OS thread obey the scopes of the fiber that has
/// forked, and goes on as this thread.
void obey_bounds_of(fiber_record& forked) noexcept;

}  // namespace ramie::detail
