#include "read_ring.hpp"

#include <cerrno>

namespace ramie::detail {

read_ring::~read_ring() {
  if (state_ == state::open) ::io_uring_queue_exit(&ring_);
}

bool read_ring::open(int event) noexcept {
  constexpr unsigned entries = 64;  // Each is submitted at once.
  // Ends that nobody has collected are kept (5.5), and -1 is the file's own position (5.6).
  constexpr unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS;
  if (state_ != state::untried) return state_ == state::open;
  io_uring_params parameters = {};
  int const error = ::io_uring_queue_init_params(entries, &ring_, &parameters);
  if (error < 0) {
    // Otherwise it is not there, or not for this process: so it stays.
    bool const short_of = error == -EMFILE || error == -ENFILE || error == -ENOMEM;
    if (!short_of) state_ = state::refused;
    return false;
  }
  if ((parameters.features & needed) == needed && ::io_uring_register_eventfd(&ring_, event) == 0) {
    state_ = state::open;
    return true;
  }
  ::io_uring_queue_exit(&ring_);
  state_ = state::refused;
  return false;
}

/// False: the kernel has not taken all of it.
bool read_ring::submit() noexcept {
  ::io_uring_submit(&ring_);
  return ::io_uring_sq_ready(&ring_) == 0;
}

/// Null: it is full of what the kernel has not taken.
io_uring_sqe* read_ring::new_entry() noexcept {
  io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
  return entry != nullptr || !submit() ? entry : ::io_uring_get_sqe(&ring_);
}

bool read_ring::begin(request& of, int number, std::span<iovec const> into, off_t offset,
                      int event) noexcept {
  io_uring_sqe* const entry = open(event) ? new_entry() : nullptr;
  if (entry == nullptr) return false;
  ::io_uring_prep_readv(entry, number, into.data(), static_cast<unsigned>(into.size()),
                        static_cast<__u64>(offset));
  ::io_uring_sqe_set_data(entry, &of);
  if (submit()) return true;
  // It stays in the queue, and means nothing any more.
  ::io_uring_prep_nop(entry);
  ::io_uring_sqe_set_data(entry, nullptr);
  return false;
}

void read_ring::cancel(request& which) noexcept {
  io_uring_sqe* const entry = new_entry();
  if (entry == nullptr) return;
  ::io_uring_prep_cancel(entry, &which, 0);
  ::io_uring_sqe_set_data(entry, nullptr);
  submit();  // If the kernel does not take it now, it does with the next.
}

}  // namespace ramie::detail
