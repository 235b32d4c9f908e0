#include <ramie/sync/detail/semaphore_core.hpp>

namespace ramie::detail {

template class basic_semaphore_core<std_wait_policy>;

}  // namespace ramie::detail
