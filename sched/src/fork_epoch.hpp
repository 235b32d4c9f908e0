// Which process of a row of forks this is.
#pragma once

#include <atomic>

namespace ramie::detail {

/// The number of forks between this process and the one that loaded ramie. Counted by the child
/// before its fork returns; relaxed: it has one thread then.
extern std::atomic<unsigned> fork_epoch;
inline unsigned current_fork_epoch() noexcept {
  return fork_epoch.load(std::memory_order_relaxed);
}

}  // namespace ramie::detail
