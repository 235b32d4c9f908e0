// Who waits for one direction of a descriptor, as the poller sees it.
#pragma once

#include <cstdint>

#include <ramie/sched/park.hpp>

namespace ramie::detail {

struct watch;

/// What has ended a wait for a descriptor.
enum class wait_end : std::uint8_t { ready, closed, refused_by_kernel };

/// Lives on the stack of whoever waits; the direction's slot points to it while it waits.
struct descriptor_sleeper {
  waiter* who = nullptr;
  watch* place = nullptr;
  bool transient = false;  // the watcher goes with the wait: ramie does not own the descriptor
  // Written under the poller's lock by whoever takes it from the slot.
  wait_end end = wait_end::ready;
  descriptor_sleeper* next = nullptr;
  // If not 0, the number of the part that was handed over, of which this one is the last.
  std::uint64_t ends_part = 0;
};

}  // namespace ramie::detail
