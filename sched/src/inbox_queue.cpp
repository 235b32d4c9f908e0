#include "inbox_queue.hpp"

#include <mutex>

namespace ramie::detail {

inbox_queue::inbox_queue() = default;

bool inbox_queue::push(fiber_record* item) noexcept {
  std::lock_guard const producer(producers_);
  return ring_.push(item);
}

std::size_t inbox_queue::pop(std::span<fiber_record*> out) noexcept {
  std::lock_guard const consumer(consumers_);
  return ring_.pop(out.data(), out.size());
}

bool inbox_queue::empty() const noexcept {
  return ring_.read_available() == 0;
}

}  // namespace ramie::detail
