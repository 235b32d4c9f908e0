// How many CPUs this process may use.
#pragma once

namespace ramie::detail {

/// The CPUs of the affinity mask, or fewer where a cgroup quota allows less; at least 1, at most
/// 1,024.
unsigned available_cpus() noexcept;

}  // namespace ramie::detail
