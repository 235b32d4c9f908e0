// Several buffers, as readv(2) and its kin want them.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include <ramie/io/buffer.hpp>

namespace ramie::detail {

/// Up to 64 that are not empty, without the first `skip` bytes of the first of `buffers`.
class vectors {
 public:
  template <class Buffer>
  explicit vectors(std::span<Buffer const> buffers, std::size_t skip = 0) noexcept {
    for (Buffer const& each : buffers) {
      if (count_ == entries_.size()) break;
      Buffer const buffer = each.rest(skip);
      skip = 0;
      if (buffer.size() == 0) continue;
      entries_[count_++] = {const_cast<std::byte*>(buffer.data()), buffer.size()};
      bytes_ += buffer.size();
    }
  }

  iovec* data() noexcept { return entries_.data(); }
  std::size_t count() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return bytes_; }

  /// A message of these, without an address.
  msghdr message() noexcept {
    msghdr result = {};
    result.msg_iov = data();
    result.msg_iovlen = count_;
    return result;
  }

 private:
  std::array<iovec, 64> entries_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace ramie::detail
