#include <ramie/sync/detail/shared_mutex_core.hpp>

namespace ramie::detail {

template class basic_shared_mutex_core<std_wait_policy>;

}  // namespace ramie::detail
