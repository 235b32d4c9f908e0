// The poller's part in reads of files: a fiber parks until the ring tells that its read has ended.
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>

#include <ramie/sched/park.hpp>

#include "poller.hpp"

namespace ramie::detail {

namespace {

/// Whether the read has ended without any outcome of its own: by `cancel`, or because the thread
/// that submitted it has ended, in which the kernel would have finished it (EFAULT, if it was
/// waiting for the storage device then). If EFAULT means the buffer, the next attempt says so too.
bool was_given_up(read_ring::request const& request) noexcept {
  return request.result == -ECANCELED || request.result == -EINTR || request.result == -EAGAIN ||
         request.result == -EFAULT;
}

}  // namespace

std::optional<ssize_t> poller::read_file(int number, std::span<iovec const> into, off_t offset,
                                         std::error_code& error) {
  waiter who;
  read_ring::request request;
  request.self.who = &who;
  if (!begin_read(request, number, into, offset)) return std::nullopt;
  wake const how = who.park({"file read", nullptr});
  if (how != wake::unparked) await_end(request);
  runs(request.self);
  error.clear();
  if (request.result >= 0) return request.result;
  if (!was_given_up(request)) {
    error = std::error_code(static_cast<int>(-request.result), std::system_category());
  } else if (how == wake::unparked) {
    return std::nullopt;
  } else {
    error = interruption_code();
  }
  return -1;
}

bool poller::begin_read(read_ring::request& request, int number, std::span<iovec const> into,
                        off_t offset) noexcept {
  std::uint32_t waiting = idle;
  {
    std::lock_guard const guard(lock_);
    if (!reads_.begin(request, number, into, offset, bell_.open())) return false;
    count_source(1);
    waiting = state_.load(std::memory_order_relaxed);  // It begins to wait under lock_ only.
  }
  // Whoever waits there hears of no event.
  if (waiting == in_futex) interrupt();
  return true;
}

/// For a reader that does not want to wait any more: the kernel may be writing to its buffer.
void poller::await_end(read_ring::request& request) noexcept {
  waiter last;
  {
    std::lock_guard const guard(lock_);
    if (request.ended) return;
    request.self.who = &last;
    reads_.cancel(request);
  }
  last.park({"end of a file read", nullptr}, interruptible::no);
}

void poller::collect_reads() noexcept {
  reads_.collect([this](read_ring::request& request) {
    count_source(-1);
    spins_.came();
    trial_.came();
    deliver(&request.self, wait_end::ready, *turn_begin_);
  });
}

}  // namespace ramie::detail
