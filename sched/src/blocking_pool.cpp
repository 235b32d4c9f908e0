#include "blocking_pool.hpp"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "available_cpus.hpp"
#include "core.hpp"
#include "fiber_locals.hpp"
#include "identity.hpp"
#include "quiet_thread.hpp"

namespace ramie::detail {

void blocking_pool::submit(fiber_record& job) {
  thread_list joined;  // joined at the end, without the lock
  {
    std::lock_guard const guard(mutex_);
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
    joined.swap(ended_);                                       // nothing throws any more
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
  name_this_thread(home_.options.name, "blk");
  if (home_.options.pin_workers) {
    // Whoever started it may be a bound worker.
    cpu_set_t const allowed = process_cpus();
    ::sched_setaffinity(0, sizeof(allowed), &allowed);
  }
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
    steady_time const retires_at = add_saturated(std::chrono::steady_clock::now(), keep_alive_);
    bool const woken =
        work_.wait_until(lock, retires_at, [this] { return notified_ != 0 || stopping_; });
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
  // A child that the function has forked ends with its only thread.
  if (home_.in_forked_child()) [[unlikely]]
    std::exit(EXIT_SUCCESS);
  join_word::finish const how = job.join.begin_finish();
  if (how.detached) {
    drop_detached(job);
    destroy_locals(job);  // that it made
  }
  name_thread_after(nullptr);
  if (stack_pool* const odd = std::exchange(job.odd_stacks, nullptr)) odd->unreserve(1);
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
