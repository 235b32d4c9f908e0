#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

template wake park_linked<std_wait_policy>(wait_queue&, wait_node&, tiny_lock&, park_reason,
                                           steady_time, interruptible) noexcept;

}  // namespace ramie::detail
