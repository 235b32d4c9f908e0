// Where an idle worker waits. The scheduler names no poller: it calls one through `driver`, and the
// poller answers by unparking waiters.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace ramie {

/// The place where one idle worker of a runtime waits for something to do. A runtime has one; any
/// of its workers may be the one inside, and the scheduler sees to it that there is one at a time.
class driver {
 public:
  virtual ~driver() = default;

  /// Waits until `deadline`, an interrupt or an event, serves the events that are there, and
  /// returns. `time_point::max()`: no deadline. A deadline in the past: serve what is ready without
  /// waiting. Called by one thread at a time, on a worker's own stack, never on a fiber's.
  virtual void wait_until(std::chrono::steady_clock::time_point deadline) = 0;

  /// By a worker that has nothing to do, before it goes to sleep here: serves what is ready without
  /// waiting, if it expects that there is something. False: it has served nothing. Called as
  /// `wait_until` is, and cheaper for what comes soon, for nobody has to be told of a sleep.
  virtual bool look_before_sleep() { return false; }

  /// Makes a running `wait_until`, or the next one if none runs, return soon. Any thread.
  virtual void interrupt() noexcept = 0;

  /// After the last worker has been here: resumes whoever has been found ready and was not resumed
  /// yet. Plain threads may be waiting still, and withdraw.
  virtual void resume_ready() noexcept {}

  /// Whether a non-blocking `wait_until` could find anything: lets a busy worker skip the look.
  virtual bool has_sources() const noexcept = 0;
};

using driver_factory = std::function<std::unique_ptr<driver>()>;

/// Sets the driver of the runtimes that are made from now on without one of their own
/// (runtime_options::make_driver). Empty, as at the start: they wait on a futex until I/O is first
/// used. Any thread.
void set_default_driver(driver_factory make);

/// The driver of the calling fiber's runtime, which `make` builds if the runtime still has only the
/// one that waits on a condition variable. A worker that waits in the old one moves over.
/// Null outside any runtime. Throws what `make` throws.
driver* ensure_io_driver(std::unique_ptr<driver> (*make)());

/// The same for a waiter of any kind: outside any runtime, the driver of the default one. Throws
/// std::system_error (operation_not_permitted) where that was left behind by a fork.
driver& nearest_io_driver(std::unique_ptr<driver> (*make)());

/// After the nearest driver has been given something new to wait for: sees to it that a worker will
/// wait there. Those that sleep need not, while the driver has nothing (blocking sections).
void attend_nearest_io_driver() noexcept;

}  // namespace ramie
