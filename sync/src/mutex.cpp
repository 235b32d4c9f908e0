#include <ramie/sync/detail/mutex_core.hpp>

namespace ramie::detail {

template class basic_mutex_core<std_wait_policy, 8>;

}  // namespace ramie::detail
