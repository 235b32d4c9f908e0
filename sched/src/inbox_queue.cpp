#include "inbox_queue.hpp"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RAMIE_UNINSTRUMENTED __attribute__((disable_sanitizer_instrumentation))
#include <sanitizer/tsan_interface.h>
#endif
#endif
#ifndef RAMIE_UNINSTRUMENTED
#define RAMIE_UNINSTRUMENTED
#endif

namespace ramie::detail {

inbox_queue::inbox_queue() = default;

bool inbox_queue::push(fiber_record* item) noexcept {
  return queue_.bounded_push(item);
}

bool inbox_queue::pop(fiber_record*& item) noexcept {
  return queue_.pop(item);
}

bool inbox_queue::empty() const noexcept {
  return queue_.empty();
}

}  // namespace ramie::detail
