#pragma once

#include <algorithm>
#include <utility>

namespace ramie::detail {

/// Whether to look again and again for a moment before blocking, by how it went before. It goes on
/// while at least every other try finds something: a failure doubles the number of waits that block
/// at once, up to 255, a success halves it. And none begins where the last wait that blocked took
/// so long that looks would have been in vain. Not thread-safe.
class spin_history {
 public:
  /// Once per wait.
  bool worth_a_try() noexcept {
    if (skips_ == 0 && comes_soon_) return true;
    if (skips_ != 0) --skips_;
    came_ = 0;
    return false;
  }

  /// A wait that blocked, and for how many seconds; by its deadline: whether that has ended it.
  void blocked(double seconds, bool by_deadline) noexcept {
    comes_soon_ = !by_deadline && seconds < soon;
  }

  /// Something has come that was waited for.
  void came() noexcept { ++came_; }

  /// When there is nothing: whether so much has come since the last time that each pays little for
  /// a sleep now. What comes during that is served together, too.
  bool sleep_is_shared() noexcept {
    constexpr unsigned many = 4;
    return std::exchange(came_, 0) >= many;
  }

  /// After each try that began with nothing there.
  void tried(bool found) noexcept {
    failure_cost_ = found ? failure_cost_ / 2 : std::min(2 * failure_cost_ + 1, most_skips);
    skips_ = failure_cost_;
  }

 private:
  static constexpr int most_skips = 255;
  static constexpr double soon = 200e-6;  // some looks, and that the end of a sleep takes time

  bool comes_soon_ = true;
  int skips_ = 0;         // waits that are to block at once
  int failure_cost_ = 0;  // 2^n - 1 for n failures more than successes, 8 at most
  unsigned came_ = 0;     // since there was nothing the last time
};

}  // namespace ramie::detail
