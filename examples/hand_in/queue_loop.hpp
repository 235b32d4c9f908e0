// A thread that runs what is put into its queue.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

template <std::size_t backlog>
class queue_loop {
 public:
  queue_loop() : thread_([this] { run(); }) {}
  queue_loop(queue_loop const&) = delete;
  queue_loop& operator=(queue_loop const&) = delete;

  /// Runs what has been posted, then ends.
  ~queue_loop() {
    {
      std::lock_guard const guard(mutex_);
      stopping_ = true;
    }
    filled_.notify_one();
    thread_.join();
  }

  /// Any thread. Waits while the queue is full.
  void post(std::function<void()> task) {
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return tasks_.size() < backlog; });
      tasks_.push_back(std::move(task));
    }
    filled_.notify_one();
  }

  /// How often the thread's wait has ended.
  std::uint64_t wakeups() const {
    std::lock_guard const guard(mutex_);
    return wakeups_;
  }

 private:
  void run() {
    std::vector<std::function<void()>> batch;
    while (take(batch)) {
      for (auto const& task : batch) task();
      batch.clear();
    }
  }

  /// False: there is nothing left, and nothing will come.
  bool take(std::vector<std::function<void()>>& batch) {
    std::unique_lock lock(mutex_);
    while (tasks_.empty() && !stopping_) {
      filled_.wait(lock);
      ++wakeups_;
    }
    batch.swap(tasks_);
    lock.unlock();
    room_.notify_all();
    return !batch.empty();
  }

  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable room_;
  std::vector<std::function<void()>> tasks_;  // this and the rest: guarded by mutex_
  std::uint64_t wakeups_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // Last: it uses the others.
};
