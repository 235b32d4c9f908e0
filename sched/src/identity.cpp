#include "identity.hpp"

#include "worker_thread.hpp"

namespace ramie::detail {

namespace {

constinit thread_local fiber_record* named_record = nullptr;

// Never inlined: see current_worker_thread.
[[gnu::noinline]] fiber_record*& named_record_here() noexcept {
  fiber_record** place = &named_record;
  asm volatile("" : "+r"(place)::"memory");
  return *place;
}

}  // namespace

fiber_record* current_record() noexcept {
  fiber_record* const fiber = current_fiber();
  return fiber != nullptr ? fiber : named_record_here();
}

void name_thread_after(fiber_record* record) noexcept {
  named_record_here() = record;
}

}  // namespace ramie::detail
