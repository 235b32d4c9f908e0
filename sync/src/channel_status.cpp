#include <ramie/sync/channel_status.hpp>

namespace ramie {

const char* channel_closed::what() const noexcept {
  return "ramie: send on a closed channel";
}

}  // namespace ramie
