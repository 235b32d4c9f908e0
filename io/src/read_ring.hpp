// Reads of files that are not in the page cache, by io_uring (io/DESIGN.md#files).
#pragma once

#include <liburing.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <span>

#include <ramie/io/detail/descriptor_sleeper.hpp>

namespace ramie::detail {

/// One submission queue for all fibers of a runtime. Not thread-safe.
class read_ring {
 public:
  /// Lives on the stack of whoever reads, with what it reads into, until it has ended.
  struct request {
    descriptor_sleeper self;
    ssize_t result = 0;  // the bytes read, or minus the error
    bool ended = false;
  };

  read_ring() = default;
  read_ring(read_ring const&) = delete;
  read_ring& operator=(read_ring const&) = delete;
  ~read_ring();

  /// Begins to read, at the file's own position if `offset` is -1. `event`, an eventfd, is written
  /// to whenever reads have ended. False: the kernel has nothing for it, at the moment or at all.
  bool begin(request& of, int number, std::span<iovec const> into, off_t offset,
             int event) noexcept;

  /// Asks that a read end: as -ECANCELED, unless it does otherwise.
  void cancel(request& which) noexcept;

  /// Calls `ended(request&)` for each read that has.
  template <class Ended>
  void collect(Ended ended) noexcept {
    if (state_ != state::open) return;
    io_uring_cqe* entry = nullptr;
    while (::io_uring_peek_cqe(&ring_, &entry) == 0) {
      auto* const which = static_cast<request*>(::io_uring_cqe_get_data(entry));
      if (which != nullptr) {
        which->result = entry->res;
        which->ended = true;
      }
      ::io_uring_cqe_seen(&ring_, entry);
      if (which != nullptr) ended(*which);
    }
  }

 private:
  bool open(int event) noexcept;
  bool submit() noexcept;
  io_uring_sqe* new_entry() noexcept;

  enum class state : unsigned char { untried, open, refused };

  state state_ = state::untried;
  io_uring ring_{};
};

}  // namespace ramie::detail
