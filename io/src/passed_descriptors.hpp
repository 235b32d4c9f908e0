// Descriptors that go along with a message between processes (SCM_RIGHTS).
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <system_error>
#include <vector>

#include <ramie/io/owned_descriptor.hpp>

namespace ramie::detail {

/// The control message. It must outlive the message that it belongs to.
class passed_descriptors {
 public:
  static constexpr std::size_t most = 253;  // SCM_MAX_FD

  /// Sends these along, at most `most`.
  void attach_to(msghdr& message, std::span<int const> descriptors) noexcept {
    if (descriptors.empty()) return;
    bytes_.fill(0);
    message.msg_control = bytes_.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }

  /// Has room for all that can come along.
  void make_room_for(msghdr& message) noexcept {
    message.msg_control = bytes_.data();
    message.msg_controllen = bytes_.size();
  }

  /// Moves what came along to the end of `descriptors`, which must have room for `most`: nothing
  /// may throw once they are here. The error: this process had no room for some, which are lost.
  static std::error_code take_from(msghdr& message,
                                   std::vector<io::owned_descriptor>& descriptors) {
    for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
         each = CMSG_NXTHDR(&message, each)) {
      if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
      std::size_t const count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
        descriptors.emplace_back(fd);
      }
    }
    bool const lost = (message.msg_flags & MSG_CTRUNC) != 0;
    return lost ? std::make_error_code(std::errc::too_many_files_open) : std::error_code();
  }

 private:
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most * sizeof(int))> bytes_;
};

}  // namespace ramie::detail
