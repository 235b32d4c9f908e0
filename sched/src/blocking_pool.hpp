// The OS threads on which spawn_blocking's functions run.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include <ramie/sched/detail/record.hpp>

namespace ramie::detail {

/// Starts threads as there are jobs for them, up to a limit, and lets those end that have been idle
/// for some time. Jobs beyond the limit wait in order.
///
/// A job is a record that is no fiber's: it is run to its end on a thread's own stack. While it
/// waits its ticket holds its id; whoever exchanges that for 0 has it: a thread, or a canceller
/// (`withdraw`), who must launch it as a fiber, which discards it.
class blocking_pool {
 public:
  blocking_pool(core& home, unsigned max_threads, std::chrono::milliseconds keep_alive)
      : home_(home), max_threads_(max_threads), keep_alive_(keep_alive) {}
  blocking_pool(blocking_pool const&) = delete;
  blocking_pool& operator=(blocking_pool const&) = delete;

  /// Any thread. Throws std::system_error if there is no thread and none can be started, and
  /// std::bad_alloc; the record is the caller's then.
  void submit(fiber_record& job);

  /// Takes a job that no thread has begun. Any thread; true for one caller, and never once a thread
  /// has it.
  static bool withdraw(fiber_record& job) noexcept;

  /// Ends and joins all threads. Once no job is left.
  void stop() noexcept;

  unsigned threads() const noexcept;

 private:
  struct entry {
    fiber_record* job;
    std::uint64_t id;  // tells a stale entry, whose record may be another's by now
  };
  using thread_list = std::list<std::thread>;

  void start_thread();
  void main(thread_list::iterator self) noexcept;
  void run(fiber_record& job) noexcept;

  core& home_;
  unsigned const max_threads_;
  std::chrono::milliseconds const keep_alive_;

  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::condition_variable work_;
  std::deque<entry> queue_;
  thread_list running_;
  thread_list ended_;  // to be joined
  unsigned idle_ = 0;
  unsigned notified_ = 0;  // idle threads that are on their way to a job
  bool stopping_ = false;
};

}  // namespace ramie::detail
