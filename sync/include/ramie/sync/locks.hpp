// What the standard's scoped locks and their like are called here: themselves. `swap` is theirs,
// and anything's that has none in ramie.
#pragma once

#include <mutex>
#include <shared_mutex>
#include <utility>

namespace ramie {

using std::adopt_lock;
using std::adopt_lock_t;
using std::defer_lock;
using std::defer_lock_t;
using std::lock;
using std::lock_guard;
using std::scoped_lock;
using std::shared_lock;
using std::swap;
using std::try_lock;
using std::try_to_lock;
using std::try_to_lock_t;
using std::unique_lock;

}  // namespace ramie
