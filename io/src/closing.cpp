// The end of a descriptor: io/DESIGN.md#closing.
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "poller.hpp"

namespace ramie::detail {

namespace {

/// Whether the kernel reports the descriptor in both directions, whichever were asked for: reset,
/// or ended in both. TCP never takes that back.
bool has_ended(int number) noexcept {
  pollfd polled{number, 0, 0};
  return ::poll(&polled, 1, 0) != 0;
}

}  // namespace

constinit poller::child_start* poller::child_start::youngest = nullptr;

/// The watchers stay until the number is given back: see give_back.
void poller::forget(int number, std::uint64_t identity, sleeper_list& list) noexcept {
  std::lock_guard const guard(lock_);
  record* const known = table_.find(number);
  if (known == nullptr || known->owner.load(std::memory_order_relaxed) != identity) return;
  for (watch& side : known->sides) {
    deliver(side.slot.close(), wait_end::closed, list.first);
  }
}

void poller::release(int number, std::uint64_t identity) noexcept {
  record* const known = table_.find(number);
  if (known == nullptr || known->owner.load(std::memory_order_relaxed) != identity) return;
  // An event in hand of which libev wants no part, or not all, makes it use the number.
  if (in_kernel_ && (known->lingers || (known->watched() && has_ended(number)))) finish_turn();
  for (watch& side : known->sides) stop(side);
  known->lingers = false;  // The kernel forgets a file that is closed.
  // relaxed: the slots are closed until somebody adopts the record.
  known->owner.store(record::nobody, std::memory_order_relaxed);
}

void poller::forget_everywhere(int number, std::uint64_t identity) noexcept {
  sleeper_list list;
  {
    std::lock_guard const guard(all_lock);
    for (poller* one = all_pollers; one != nullptr; one = one->next_) {
      one->forget(number, identity, list);
    }
  }
  list.resume_all();
}

/// Waits until the worker that is in the kernel has served its events. No turn begins before the
/// caller has let go of the lock.
void poller::finish_turn() noexcept {
  closer_waits_ = true;
  bell_.ring();
  std::unique_lock held(lock_, std::adopt_lock);
  turn_change_.wait(held, [this] { return !in_kernel_; });
  held.release();
  closer_waits_ = false;
  turn_change_.notify_all();
}

bool poller::is_known(int number, std::uint64_t identity) noexcept {
  std::lock_guard const guard(lock_);
  record const* const known = table_.find(number);
  return known != nullptr && known->owner.load(std::memory_order_relaxed) == identity;
}

void poller::give_back(int number, std::uint64_t identity) noexcept {
  int const saved = errno;
  {
    std::lock_guard const guard(all_lock);
    if (!child_start::keep({number, identity})) close_number(number, identity);
  }
  errno = saved;
}

/// Under all_lock.
void poller::close_number(int number, std::uint64_t identity) noexcept {
  // In one step for every loop: none is to go to the kernel between the look and the close.
  for (poller* one = all_pollers; one != nullptr; one = one->next_) {
    one->lock_.lock();
    one->release(number, identity);
  }
  ::close(number);  // Not repeated on EINTR: Linux has let go of the number then.
  for (poller* one = all_pollers; one != nullptr; one = one->next_) one->lock_.unlock();
}

// --- while a child has its parent's descriptors

poller::child_start::child_start() noexcept {
  std::lock_guard const guard(all_lock);
  older_ = std::exchange(youngest, this);
  if (older_ != nullptr) older_->younger_ = this;
}

poller::child_start::~child_start() {
  int const saved = errno;
  {
    std::lock_guard const guard(all_lock);
    (younger_ != nullptr ? younger_->older_ : youngest) = older_;
    if (older_ != nullptr) {
      older_->younger_ = younger_;
      older_->kept_.splice(older_->kept_.end(), kept_);
    }
    for (owned const& one : kept_) close_number(one.number, one.identity);
  }
  errno = saved;
}

/// Under all_lock. False: no child has the descriptor, or no loop knows it.
bool poller::child_start::keep(owned which) noexcept {
  if (youngest == nullptr) return false;
  bool is_known = false;
  for (poller* one = all_pollers; one != nullptr; one = one->next_) {
    is_known = is_known || one->is_known(which.number, which.identity);
  }
  if (!is_known) return false;
  try {
    youngest->kept_.push_back(which);
  } catch (std::bad_alloc const&) {
    return false;  // libev copes, at the price of a new epoll set.
  }
  return true;
}

}  // namespace ramie::detail
