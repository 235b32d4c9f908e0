#include <ramie/io/owned_descriptor.hpp>

#include <unistd.h>

namespace ramie::io {

void owned_descriptor::reset(int fd) noexcept {
  int const old = std::exchange(fd_, fd);
  // Linux has given the number back even where it reports EINTR.
  if (old >= 0) ::close(old);
}

}  // namespace ramie::io
