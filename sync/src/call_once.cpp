#include <ramie/sync/detail/once_core.hpp>

namespace ramie::detail {

template class basic_once_core<std_wait_policy>;

}  // namespace ramie::detail
