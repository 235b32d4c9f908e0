// A socket that accepts connections, of whatever family.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <system_error>

#include <ramie/io/detail/descriptor_owner.hpp>

namespace ramie::detail {

/// What listeners have in common: they listen until they are closed or destroyed. Move-only;
/// default-constructed and moved-from ones are closed. One fiber or thread accepts at a time; a
/// second one that has to wait gets errc::device_or_resource_busy. `close` may be called by another
/// one, and ends a waiting accept with errc::operation_canceled.
class socket_listener : public descriptor_owner {
 protected:
  socket_listener() noexcept = default;
  /// Owns `fd`, which must be non-blocking.
  explicit socket_listener(int fd) noexcept : descriptor_owner(descriptor(fd)) {}
  socket_listener(socket_listener&& other) noexcept;
  socket_listener& operator=(socket_listener&& other) noexcept;
  ~socket_listener() = default;

  struct connection {
    int number;     ///< -1: none, and an error.
    bool is_fresh;  ///< It has come while this call waited: its peer is likely to say more later.
  };
  connection accept_one(sockaddr_storage& peer, socklen_t& size, std::error_code& error);

 private:
  std::error_code back_off();
  void note(bool shortage) noexcept;

  // How many calls in a row have found no descriptor, or no memory, for the next connection.
  // Written by whoever accepts; atomic (relaxed) as socket_stream's drained_.
  std::atomic<std::uint32_t> shortages_{0};
};

}  // namespace ramie::detail
