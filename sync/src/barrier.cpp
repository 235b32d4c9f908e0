#include <ramie/sync/detail/barrier_core.hpp>

namespace ramie::detail {

template class basic_barrier_core<std_wait_policy>;

}  // namespace ramie::detail
