// A flag to wait for.
#pragma once

#include <ramie/sync/detail/event_flag.hpp>

namespace ramie {

/// A flag that stays set until it is reset, and lets everybody pass while it is. All members may be
/// called by any fiber or thread. It may be destroyed as soon as a wait has returned and no other
/// is left.
class event : public detail::event_flag {
 public:
  event() noexcept : event_flag(false, "event") {}

  /// Sets the flag and wakes everybody who waits, even if it is reset at once.
  void set() noexcept { core_.set_for_all(); }
};

}  // namespace ramie
