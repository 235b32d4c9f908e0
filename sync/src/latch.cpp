#include <ramie/sync/detail/latch_core.hpp>

namespace ramie::detail {

template class basic_latch_core<std_wait_policy>;

}  // namespace ramie::detail
