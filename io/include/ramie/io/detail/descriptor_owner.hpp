// What every handle that owns a descriptor can.
#pragma once

#include <utility>

#include <ramie/io/detail/descriptor.hpp>

namespace ramie::detail {

/// Closed when it is destroyed. Move-only; default-constructed and moved-from ones are closed.
class descriptor_owner {
 public:
  bool is_open() const noexcept { return file_.is_open(); }
  /// May be called while other fibers or threads use it: their calls end with
  /// errc::operation_canceled.
  void close() noexcept { file_.close(); }
  /// The descriptor, or -1; it stays this one's.
  int native_handle() const noexcept { return file_.number(); }

 protected:
  descriptor_owner() noexcept = default;
  explicit descriptor_owner(descriptor&& file) noexcept : file_(std::move(file)) {}
  descriptor_owner(descriptor_owner&&) noexcept = default;
  descriptor_owner& operator=(descriptor_owner&&) noexcept = default;
  ~descriptor_owner() = default;

  descriptor file_;

 private:
  friend struct descriptor_access;
};

}  // namespace ramie::detail
