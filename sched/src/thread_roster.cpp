#include "thread_roster.hpp"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include <ramie/fiber/assert.hpp>

#include "core.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

namespace {

/// The thread that has waited longest for `held` to be given to it; null: none waits.
worker_thread* pop_wanting(worker& held) noexcept {
  worker_thread* const first = held.first_wanting;
  if (first == nullptr) return nullptr;
  held.first_wanting = std::exchange(first->next_wanting, nullptr);
  held.is_wanted.store(held.first_wanting != nullptr, std::memory_order_relaxed);
  first->wants_worker = false;
  return first;
}

void push_wanting(worker& held, worker_thread& by) noexcept {
  worker_thread** last = &held.first_wanting;
  while (*last != nullptr) last = &(*last)->next_wanting;
  *last = &by;
  by.wants_worker = true;
  held.is_wanted.store(true, std::memory_order_relaxed);
}

}  // namespace

thread_roster::thread_roster(core& home, std::chrono::milliseconds keep_alive)
    : home_(home), keep_alive_(keep_alive) {}

thread_roster::~thread_roster() = default;

unsigned thread_roster::backup_threads() const noexcept {
  std::lock_guard const guard(mutex_);
  return running_ - started_workers_.load(std::memory_order_relaxed);
}

// --- who has which worker; under the mutex

void thread_roster::give(worker& work, worker_thread& to) noexcept {
  to.worker_ = &work;
  to.last_worker = &work;
  work.thread.store(&to, std::memory_order_release);  // pairs with wake
}

// A thread for a worker: one that sleeps without, or a new one. Throws std::system_error and
// std::bad_alloc.
worker_thread& thread_roster::idle_thread() {
  if (!bench_.empty()) {
    worker_thread& found = *bench_.back();
    leave_bench(found);
    return found;
  }
  // Not one that is still on its way out: that may take long, or even wait for this lock.
  auto gone = std::find_if(retired_.begin(), retired_.end(),
                           [](worker_thread* each) { return each->has_left(); });
  if (gone == retired_.end()) {
    bench_.reserve(threads_.size() + 1);
    retired_.reserve(threads_.size() + 1);
    auto const serial = static_cast<unsigned>(threads_.size());
    threads_.push_back(std::make_unique<worker_thread>(home_, serial));
    retired_.push_back(threads_.back().get());
    gone = std::prev(retired_.end());
  }
  worker_thread& found = **gone;
  found.start();
  retired_.erase(gone);
  ++running_;
  return found;
}

void thread_roster::join_bench(worker_thread& self) noexcept {
  if (!std::exchange(self.benched, true)) bench_.push_back(&self);
}

void thread_roster::leave_bench(worker_thread& self) noexcept {
  if (std::exchange(self.benched, false)) std::erase(bench_, &self);
}

bool thread_roster::take_from_sleeper(worker& wanted, worker_thread& by) noexcept {
  // Relaxed: written under the mutex.
  worker_thread& holder = *wanted.thread.load(std::memory_order_relaxed);
  if (!holder.place_.take_worker()) return false;
  holder.worker_ = nullptr;
  join_bench(holder);
  give(wanted, by);
  // Where it sleeps now it would never end; as one that awaits a worker it may.
  if (!holder.awaits_worker) holder.notify();
  return true;
}

// For a thread with pinned fibers to run: its last worker, or a place in the queue for that. Whom
// to notify then, else null.
worker_thread* thread_roster::want_worker(worker_thread& self) noexcept {
  leave_bench(self);
  worker& wanted = *self.last_worker;
  if (take_from_sleeper(wanted, self)) return nullptr;
  push_wanting(wanted, self);
  return wanted.thread.load(std::memory_order_relaxed);
}

// Not beyond a worker whose thread could not be started: what is handed in to that is seen by
// nobody if all others sleep.
void thread_roster::count_started() noexcept {
  unsigned first = started_workers_.load(std::memory_order_relaxed);
  while (first < home_.workers.size() &&
         home_.workers[first]->thread.load(std::memory_order_relaxed) != nullptr) {
    ++first;
  }
  started_workers_.store(first, std::memory_order_relaxed);
}

// --- by any thread

void thread_roster::wake(worker& sleeper) {
  // acquire: pairs with give, so that the thread object is complete.
  if (worker_thread* const thread = sleeper.thread.load(std::memory_order_acquire)) {
    return thread->notify();
  }
  std::lock_guard const guard(mutex_);
  worker_thread* thread = sleeper.thread.load(std::memory_order_relaxed);
  if (thread == nullptr) {
    // A wake-up that the end has overtaken: its fiber has run elsewhere, and `end` may be past
    // here.
    if (home_.workers_end.load(std::memory_order_seq_cst)) return;
    thread = &idle_thread();
    give(sleeper, *thread);
    count_started();
  }
  thread->notify();
}

// --- by the thread itself

bool thread_roster::await_worker(worker_thread& self) noexcept {
  for (;;) {
    worker_thread* holder = nullptr;
    steady_time until = steady_time::max();
    bool may_sleep = false;
    {
      std::lock_guard const guard(mutex_);
      self.awaits_worker = false;
      if (home_.workers_end.load(std::memory_order_seq_cst)) return false;
      if (self.worker_ == nullptr && !self.wants_worker && self.pinned_.size() != 0) {
        holder = want_worker(self);
      }
      if (self.worker_ != nullptr) break;
      if (!self.wants_worker) {
        join_bench(self);
        if (self.pinned_fibers == 0) {
          until = add_saturated(std::chrono::steady_clock::now(), keep_alive_);
        }
      }
      self.awaits_worker = true;
      may_sleep = self.begin_sleep(false);
    }
    if (holder != nullptr) holder->notify();
    if (may_sleep && !self.sleep_on_futex(until) && end_when_idle(self)) return false;
    self.end_sleep();
  }
  home_.idle.end_sleep(self.worker_->index);
  self.choices_when_gained_ = self.worker_->choices.get();
  self.searching_ = true;  // counted by end_sleep, or by whoever picked the worker to wake it
  home_.worker_awake();
  return true;
}

// After a time without a worker. False: it has just been given one, or been asked for.
bool thread_roster::end_when_idle(worker_thread& self) noexcept {
  std::lock_guard const guard(mutex_);
  if (!self.benched) return false;
  leave_bench(self);
  self.awaits_worker = false;
  --running_;
  return true;
}

void thread_roster::ended(worker_thread& self) noexcept {
  std::lock_guard const guard(mutex_);
  retired_.push_back(&self);
}

void thread_roster::yield_worker(worker_thread& self) noexcept {
  worker_thread* next = nullptr;
  {
    std::lock_guard const guard(mutex_);
    worker& given = *self.worker_;
    next = pop_wanting(given);
    if (next == nullptr) return;
    self.worker_ = nullptr;
    give(given, *next);
    home_.idle.announce_sleep(given.index, std::exchange(self.searching_, false));
  }
  next->notify();
}

// --- blocking sections

void thread_roster::hand_over(worker_thread& self) {
  worker& given = *self.worker_;
  worker_thread* next = nullptr;
  bool wanted = false;
  {
    std::lock_guard const guard(mutex_);
    next = pop_wanting(given);
    wanted = next != nullptr;
    if (next == nullptr) next = &idle_thread();
    self.worker_ = nullptr;
    give(given, *next);
    home_.idle.announce_sleep(given.index, false);
  }
  // The look at everything that follows the announcement of sleep, on behalf of the new thread.
  if (wanted || home_.needs_thread(given)) next->notify();
}

bool thread_roster::take_back(worker_thread& self) noexcept {
  worker& wanted = *self.last_worker;
  {
    std::lock_guard const guard(mutex_);
    if (!take_from_sleeper(wanted, self)) return false;
  }
  home_.idle.end_sleep(wanted.index);
  home_.worker_awake();
  return true;
}

// --- the end

void thread_roster::end() noexcept {
  // Under the lock it is known which threads there are: `wake` starts none from here on.
  std::unique_lock lock(mutex_);
  std::size_t const count = threads_.size();
  for (std::size_t i = 0; i < count; ++i) {
    worker_thread& each = *threads_[i];
    lock.unlock();
    each.notify();
    each.join();
    lock.lock();
  }
}

}  // namespace ramie::detail
