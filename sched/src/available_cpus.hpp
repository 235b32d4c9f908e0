// How many CPUs this process may use.
#pragma once

#include <sched.h>

namespace ramie::detail {

/// The process's affinity mask, which is its main thread's: a thread inherits that of whoever
/// started it, perhaps a worker that is bound to one CPU. Empty if it can't be told.
cpu_set_t process_cpus() noexcept;

/// The CPUs of the affinity mask, or fewer where a cgroup quota allows less; at least 1, at most
/// 1,024.
unsigned available_cpus() noexcept;

}  // namespace ramie::detail
