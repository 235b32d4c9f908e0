// The way of a woken fiber from the end of its wait to a run queue, inlined where most wakes pass:
// a waiter's resume, and the end of a fiber that somebody joins.
#pragma once

#include <atomic>

#include <ramie/sched/detail/record.hpp>
#include <ramie/sched/park.hpp>

#include "core.hpp"
#include "worker.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

/// The worker that the caller runs on, if it is one of `home`.
inline worker* worker_here(core const& home) noexcept {
  worker_thread* const here = current_worker_thread();
  return here != nullptr && &here->home() == &home ? &here->works_on() : nullptr;
}

/// Makes a fiber of `home` runnable that was parked. `here`: the worker of `home` that the caller
/// runs on; null: none.
[[gnu::always_inline]] inline void make_ready(fiber_record& fiber, core& home, placement where,
                                              worker* here) noexcept {
  fiber.state.store(fiber_state::ready, std::memory_order_relaxed);
  if (fiber.pinned_to != nullptr) [[unlikely]]
    return home.schedule_pinned(fiber);
  if (here == nullptr) [[unlikely]] {
    home.hand_in(fiber);
    return;
  }
  return where == placement::next ? here->push_next(fiber) : here->push_ready(fiber);
}

}  // namespace ramie::detail
