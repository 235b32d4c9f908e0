// A libev loop, on a thread of its own, that other threads hand work.
#pragma once

#define EV_COMPAT3 0
#include <ev.h>

#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

template <std::size_t backlog>
class libev_loop {
 public:
  libev_loop() : loop_(ev_loop_new(EVFLAG_AUTO), ev_loop_destroy) {
    if (!loop_) throw std::system_error(errno, std::system_category(), "ev_loop_new");
    ev_async_init(&wake_, on_wake);
    wake_.data = this;
    ev_async_start(loop_.get(), &wake_);
    thread_ = std::thread([this] { ev_run(loop_.get(), 0); });
  }
  libev_loop(libev_loop const&) = delete;
  libev_loop& operator=(libev_loop const&) = delete;

  /// Runs what has been posted, then ends.
  ~libev_loop() {
    {
      std::lock_guard const guard(mutex_);
      stopping_ = true;
    }
    ev_async_send(loop_.get(), &wake_);
    thread_.join();
  }

  /// Any thread. Waits while the queue is full.
  void post(std::function<void()> task) {
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return tasks_.size() < backlog; });
      tasks_.push_back(std::move(task));
    }
    ev_async_send(loop_.get(), &wake_);
  }

  /// How often libev has reported ev_async_send, several of which it may report as one.
  std::uint64_t wakeups() const {
    std::lock_guard const guard(mutex_);
    return wakeups_;
  }

 private:
  static void on_wake(struct ev_loop* loop, ev_async* watcher, int) {
    if (!static_cast<libev_loop*>(watcher->data)->run_batch()) ev_break(loop, EVBREAK_ALL);
  }

  /// False: nothing will come any more.
  bool run_batch() {
    bool last = false;
    {
      std::lock_guard const guard(mutex_);
      ++wakeups_;
      batch_.swap(tasks_);
      last = stopping_;
    }
    room_.notify_all();
    for (auto const& task : batch_) task();
    batch_.clear();
    return !last;
  }

  std::unique_ptr<struct ev_loop, void (*)(struct ev_loop*)> loop_;
  ev_async wake_;
  std::vector<std::function<void()>> batch_;  // the loop's
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::vector<std::function<void()>> tasks_;  // this and the rest: guarded by mutex_
  std::uint64_t wakeups_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};
