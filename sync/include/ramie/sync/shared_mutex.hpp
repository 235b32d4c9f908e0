// A lock for one writer or many readers. The protocol: sync/DESIGN.md#shared-mutex.
#pragma once

#include <ramie/sync/detail/watched_shared_mutex.hpp>
#include <ramie/sync/locks.hpp>

namespace ramie {

/// As std::shared_mutex, for fibers and plain threads in any mix. It may be unlocked on another
/// worker than it was locked on, and held across waits. It may be destroyed as soon as nobody holds
/// it and no call of a lock function is left that has not returned.
///
/// Neither side starves the other: newcomers queue behind whoever waits; a writer that leaves
/// admits all readers that wait, the last of the readers admits the first writer. So a reader waits
/// for at most one writer once those who hold the lock have left, and a writer for those writers
/// that came before it, with one round of readers before each. Hence a reader must not lock it
/// again.
class shared_mutex : public detail::watched_shared_mutex {
 public:
  constexpr shared_mutex() noexcept : watched_shared_mutex("shared_mutex") {}
};

}  // namespace ramie
