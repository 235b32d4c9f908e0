#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

wake park_linked(wait_queue& queue, wait_node& node, tiny_lock& lock, park_reason reason,
                 steady_time deadline, interruptible mode) noexcept {
  lock.unlock();
  wake const outcome = node.owner->park_until(reason, deadline, mode);
  if (outcome != wake::unparked) {
    lock.lock();
    queue.remove(node);
    lock.unlock();
  }
  return outcome;
}

}  // namespace ramie::detail
