// Who waits for one direction of a descriptor, as the poller sees it.
#pragma once

#include <system_error>

#include <ramie/sched/park.hpp>

namespace ramie::detail {

struct watch;

/// Lives on the stack of whoever waits; the direction's slot points to it while it waits.
struct descriptor_sleeper {
  waiter* who = nullptr;
  watch* place = nullptr;
  bool transient = false;     // the watcher goes with the wait: ramie does not own the descriptor
  std::error_code outcome{};  // written under the poller's lock by whoever takes it from the slot
  descriptor_sleeper* next = nullptr;
};

}  // namespace ramie::detail
