// What a shutdown left behind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ramie {

/// A fiber that has not ended.
struct unfinished_fiber {
  std::uint64_t id = 0;
  std::string name;  ///< As fiber_options gave it; "" if none.
  /// "ready", "running", "blocking" or "parked", as it was seen in passing; "starting", with
  /// neither id nor name, if all that was left is a spawn from outside that is under way.
  std::string state;
  std::string waits_for;  ///< What it is parked for; "" unless it is.
};

/// True if every fiber ended, and with them the runtime.
struct shutdown_report {
  std::vector<unfinished_fiber> unfinished;

  explicit operator bool() const noexcept { return unfinished.empty(); }
};

}  // namespace ramie
