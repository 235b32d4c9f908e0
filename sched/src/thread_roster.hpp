// The OS threads of a runtime that run fibers, and which of them works on which worker.
//
// A worker changes hands only while it is announced as asleep (idle_set.hpp). Whoever gets it ends
// that sleep, and so searches for work, before running anything: the wake-ups that went to the one
// before are made good by that search. sched/DESIGN.md#blocking-sections has the protocol.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

namespace ramie::detail {

class core;
class worker;
class worker_thread;

class thread_roster {
 public:
  thread_roster(core& home, std::chrono::milliseconds keep_alive);
  ~thread_roster();
  thread_roster(thread_roster const&) = delete;
  thread_roster& operator=(thread_roster const&) = delete;

  /// Wakes the thread that works on `sleeper`, which the caller has picked from the idle set; its
  /// first wake-up starts the thread. Any thread. Throws std::system_error.
  void wake(worker& sleeper);

  /// Waits, on the calling thread, until it has a worker, which is awake then. False: the thread is
  /// to end.
  bool await_worker(worker_thread& self) noexcept;

  /// The calling thread's last step: it may be started again.
  void ended(worker_thread& self) noexcept;

  /// Gives the worker of the calling thread, which a thread with pinned fibers wants, to that one.
  void yield_worker(worker_thread& self) noexcept;

  // --- blocking sections: by the fiber that runs on the thread

  /// Gives the thread's worker to another thread. Throws std::system_error: none could be started,
  /// and nothing has changed.
  void hand_over(worker_thread& self);
  /// Takes back what was handed over, if it has not been used since.
  bool take_back(worker_thread& self) noexcept;

  /// Ends and joins all threads. Once no fiber is left.
  void end() noexcept;

  /// So many of the first workers have or had a thread.
  unsigned started_workers() const noexcept {
    return started_workers_.load(std::memory_order_relaxed);
  }
  /// Threads beyond one for each started worker.
  unsigned backup_threads() const noexcept;

 private:
  worker_thread& idle_thread();
  void give(worker& work, worker_thread& to) noexcept;
  void count_started() noexcept;
  bool take_from_sleeper(worker& wanted, worker_thread& by) noexcept;
  worker_thread* want_worker(worker_thread& self) noexcept;
  void join_bench(worker_thread& self) noexcept;
  void leave_bench(worker_thread& self) noexcept;
  bool end_when_idle(worker_thread& self) noexcept;

  core& home_;
  std::chrono::milliseconds const keep_alive_;
  mutable std::mutex mutex_;
  // All below are under the mutex, and so are worker_thread::worker_ while the thread has none or
  // sleeps, worker::thread's writes, and the queues of those that want a worker.
  std::vector<std::unique_ptr<worker_thread>> threads_;  // objects are reused, never destroyed
  std::vector<worker_thread*> bench_;    // asleep without a worker; the last one is taken first
  std::vector<worker_thread*> retired_;  // ended, to be started again
  unsigned running_ = 0;                 // OS threads that have not ended
  std::atomic<unsigned> started_workers_{0};  // relaxed reads: metrics, and where deliveries go
};

}  // namespace ramie::detail
