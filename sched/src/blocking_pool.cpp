#include "blocking_pool.hpp"

#include <pthread.h>

#include <atomic>
#include <system_error>
#include <utility>

#include "core.hpp"
#include "fiber_locals.hpp"
#include "identity.hpp"
#include "quiet_thread.hpp"

namespace ramie::detail {

void blocking_pool::submit(fiber_record& job) {
  thread_list joined;  // joined at the end, without the lock
  {
    std::lock_guard const guard(mutex_);
    joined.swap(ended_);
    std::uint64_t const id = job.id.load(std::memory_order_relaxed);
    queue_.push_back({&job, id});
    if (idle_ > notified_) {
      ++notified_;
    } else if (running_.size() < max_threads_) {
      try {
        start_thread();
      } catch (std::system_error const&) {
        if (running_.empty()) {
          queue_.pop_back();
          throw;
        }
        // Those that run come to it.
      }
    }
    job.blocking_ticket.store(id, std::memory_order_seq_cst);  // against request_cancel
  }
  work_.notify_one();
  for (std::thread& each : joined) each.join();
  // It may have been asked to end before the ticket could be seen.
  if (job.cancel.requested_after_commit() && withdraw(job)) home_.launch(job);
}

bool blocking_pool::withdraw(fiber_record& job) noexcept {
  std::uint64_t ticket = job.blocking_ticket.load(std::memory_order_seq_cst);
  return ticket != 0 && job.blocking_ticket.compare_exchange_strong(
                            ticket, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
}

// Under the lock.
void blocking_pool::start_thread() {
  running_.emplace_back();
  auto const self = std::prev(running_.end());
  try {
    *self = start_quiet_thread([this, self] { main(self); });
  } catch (...) {
    running_.erase(self);
    throw;
  }
}

void blocking_pool::main(thread_list::iterator self) noexcept {
  std::string const name = (home_.options.name + "-blk").substr(0, 15);
  ::pthread_setname_np(::pthread_self(), name.c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    while (!queue_.empty()) {
      entry const next = queue_.front();
      queue_.pop_front();
      std::uint64_t ticket = next.id;
      // acquire: pairs with submit, whose lock orders it anyway; false: it has been withdrawn.
      if (!next.job->blocking_ticket.compare_exchange_strong(ticket, 0, std::memory_order_acq_rel,
                                                             std::memory_order_relaxed)) {
        continue;
      }
      lock.unlock();
      run(*next.job);
      lock.lock();
    }
    if (stopping_) break;
    ++idle_;
    bool const woken =
        work_.wait_for(lock, keep_alive_, [this] { return notified_ != 0 || stopping_; });
    --idle_;
    if (notified_ != 0) --notified_;
    if (!woken && queue_.empty()) break;
  }
  ended_.splice(ended_.end(), running_, self);
  if (stopping_) work_.notify_all();  // stop waits for the last one
}

void blocking_pool::run(fiber_record& job) noexcept {
  name_thread_after(&job);
  job.state.store(fiber_state::running, std::memory_order_relaxed);
  job.float_modes.install();
  job.operations->run(job);
  destroy_locals(job);
  join_word::finish const how = job.join.begin_finish();
  if (how.detached) drop_detached(job);
  name_thread_after(nullptr);
  home_.settle(job, how, nullptr);
  home_.count_finished_outside();
}

void blocking_pool::stop() noexcept {
  thread_list joined;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    work_.notify_all();
    work_.wait(lock, [this] { return running_.empty(); });
    joined.swap(ended_);
  }
  for (std::thread& each : joined) each.join();
}

unsigned blocking_pool::threads() const noexcept {
  std::lock_guard const guard(mutex_);
  return static_cast<unsigned>(running_.size());
}

}  // namespace ramie::detail
