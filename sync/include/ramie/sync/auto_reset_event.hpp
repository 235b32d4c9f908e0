// A flag that one waiter takes.
#pragma once

#include <ramie/sync/detail/event_flag.hpp>

namespace ramie {

/// A flag that lets one waiter pass and is reset by that. All members may be called by any fiber or
/// thread. It may be destroyed as soon as a wait has returned and no other is left.
class auto_reset_event : public detail::event_flag {
 public:
  auto_reset_event() noexcept : event_flag(true, "auto_reset_event") {}

  /// Lets the first waiter pass, or sets the flag if nobody waits.
  void set() noexcept { core_.set_for_one(); }
};

}  // namespace ramie
