// A file descriptor that somebody owns.
#pragma once

#include <utility>

namespace ramie::io {

/// Closes its descriptor when it is destroyed. Move-only; default-constructed and moved-from ones
/// have none. As thread-safe as an int.
class owned_descriptor {
 public:
  owned_descriptor() noexcept = default;
  /// Owns `fd` from now on; -1: none.
  explicit owned_descriptor(int fd) noexcept : fd_(fd) {}
  owned_descriptor(owned_descriptor&& other) noexcept : fd_(other.release()) {}
  owned_descriptor& operator=(owned_descriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~owned_descriptor() { reset(); }

  /// The descriptor, or -1; it stays this one's.
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

  /// The descriptor, or -1, which the caller closes.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  /// Closes what it has, and owns `fd` instead.
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

}  // namespace ramie::io
