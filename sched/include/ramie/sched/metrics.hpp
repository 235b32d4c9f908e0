// What a runtime counts.
#pragma once

#include <chrono>
#include <cstdint>

namespace ramie {

/// A snapshot. Each number is exact for some moment during the call; together they are not one cut.
struct runtime_metrics {
  unsigned workers = 0;           // as configured
  unsigned workers_started = 0;   // OS threads that run fibers
  unsigned workers_sleeping = 0;  // of these, asleep
  unsigned backup_threads = 0;    // OS threads beyond these, made for blocking()
  unsigned blocking_threads = 0;  // OS threads of spawn_blocking
  std::uint64_t live_fibers = 0;  // spawned and not finished, functions of spawn_blocking included
  std::uint64_t spawned = 0;      // all of these since the runtime's start
  std::uint64_t finished = 0;
  std::uint64_t switches = 0;      // times that a worker chose what to run next
  std::uint64_t steals = 0;        // fibers taken from another worker
  std::uint64_t wakeups_sent = 0;  // sleeping workers woken
  std::uint64_t polls = 0;         // times that the driver was looked at
  std::uint64_t timers_fired = 0;
  std::uint64_t queued = 0;                      // fibers in run queues and inboxes now
  std::uint64_t queue_samples = 0;               // pushes whose time in the queue was measured
  std::chrono::nanoseconds queue_time_total{0};  // the sum over these
  std::chrono::nanoseconds queue_time_max{0};
};

}  // namespace ramie
