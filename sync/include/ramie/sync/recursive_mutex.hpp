// A mutex that its owner can lock again.
#pragma once

#include <ramie/sync/detail/recursive.hpp>
#include <ramie/sync/mutex.hpp>

namespace ramie {

/// As std::recursive_mutex: lock, try_lock and unlock, as often as each other; otherwise as
/// ramie::mutex. The owner is the fiber, or the plain OS thread.
class recursive_mutex : public detail::recursive<mutex> {};

}  // namespace ramie
