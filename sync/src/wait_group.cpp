#include <ramie/sync/detail/wait_group_core.hpp>

namespace ramie::detail {

template class basic_wait_group_core<std_wait_policy>;

}  // namespace ramie::detail
