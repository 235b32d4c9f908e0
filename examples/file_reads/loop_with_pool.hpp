// An event loop beside a small pool of threads, as Node has them: no kernel tells a loop when a
// file's data is there, so that a thread has to wait for it.
#pragma once

#define EV_COMPAT3 0
#include <ev.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "batch.hpp"

namespace file_reads {

/// All members belong to the loop's thread.
class loop_with_pool {
 public:
  loop_with_pool() : loop_(::ev_loop_new(EVFLAG_AUTO)) {
    if (!loop_) throw std::runtime_error("no event loop");
    ev_async_init(&completed_, [](struct ev_loop*, ev_async* event, int) noexcept {
      static_cast<loop_with_pool*>(event->data)->complete();
    });
    completed_.data = this;
    ::ev_async_start(loop_.get(), &completed_);
    try {
      // Not a boost::asio::thread_pool: that waits for ever if it gets some of its threads only.
      while (threads_.size() < pool_threads) threads_.emplace_back([this] { pool_.run(); });
    } catch (...) {
      pool_.stop();
      throw;
    }
  }
  loop_with_pool(loop_with_pool const&) = delete;
  loop_with_pool& operator=(loop_with_pool const&) = delete;
  ~loop_with_pool() { open_.reset(); }

  /// Calls work() on a thread of the pool, and then done(what it returned) on the loop.
  template <class Work, class Done>
  void submit(Work work, Done done) {
    ++under_way_;
    boost::asio::post(pool_, [this, work = std::move(work), done = std::move(done)]() mutable {
      auto result = work();
      {
        std::lock_guard const guard(mutex_);
        completions_.push_back([done = std::move(done), result = std::move(result)]() mutable {
          done(std::move(result));
        });
      }
      ::ev_async_send(loop_.get(), &completed_);
    });
  }

  /// Returns when nothing is under way any more.
  void run() {
    if (under_way_ != 0) ::ev_run(loop_.get(), 0);
  }

 private:
  struct loop_deleter {
    void operator()(struct ev_loop* loop) const noexcept { ::ev_loop_destroy(loop); }
  };

  void complete() {
    std::vector<std::function<void()>> now;
    {
      std::lock_guard const guard(mutex_);
      now.swap(completions_);
    }
    for (auto const& done : now) done();
    under_way_ -= now.size();
    if (under_way_ == 0) ::ev_break(loop_.get(), EVBREAK_ALL);
  }

  std::unique_ptr<struct ev_loop, loop_deleter> loop_;
  ev_async completed_ = {};
  std::size_t under_way_ = 0;
  std::mutex mutex_;
  std::vector<std::function<void()>> completions_;  // guarded by mutex_
  boost::asio::io_context pool_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open_{
      pool_.get_executor()};
  std::vector<std::jthread> threads_;
};

}  // namespace file_reads
