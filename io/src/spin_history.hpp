#pragma once

#include <algorithm>

namespace ramie::detail {

/// Whether to look again and again for a moment before blocking, by how it went before. It goes on
/// as long as it pays; each failure in a row doubles the number of waits that do without, up to 63:
/// who waits long each time spends next to nothing on it. Not thread-safe.
class spin_history {
 public:
  /// Once per wait.
  bool worth_a_try() noexcept {
    if (skips_ == 0) return true;
    --skips_;
    return false;
  }

  /// After each try.
  void tried(bool found) noexcept {
    failure_cost_ = found ? 0 : std::min(2 * failure_cost_ + 1, most_skips);
    skips_ = failure_cost_;
  }

 private:
  static constexpr int most_skips = 63;

  int skips_ = 0;         // waits that are to do without
  int failure_cost_ = 0;  // 2^n - 1 after n failures in a row
};

}  // namespace ramie::detail
