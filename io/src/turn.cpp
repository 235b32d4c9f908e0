// The poller's loop goes round: what libev does then, and asks for.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

#include "poller.hpp"

namespace ramie::detail {

namespace {

/// Whose loop goes round on the thread: no fiber runs meanwhile.
constinit thread_local poller* turning = nullptr;

}  // namespace

/// Once round the loop. libev tells the kernel that it has lost interest in a descriptor only when
/// that is reported again, which a stranger's must not be once its user may close it: so it goes
/// round again, without waiting, before that user is resumed.
void poller::turn(int how) noexcept {
  do {
    std::unique_lock held(lock_, std::adopt_lock);
    turn_change_.wait(held, [this] { return !closer_waits_; });
    held.release();
    while (*turn_begin_ != nullptr) turn_begin_ = &(*turn_begin_)->next;
    turning = this;
    ev_run(loop_.get(), how);
    turning = nullptr;
    how = EVRUN_NOWAIT;
  } while (std::exchange(stranger_left_, false));
}

/// What libev can't do without; it tries again if this returns. Where it builds its epoll set anew
/// it closes the old one first, and somebody else may get that number: then there is none for the
/// new one until another is closed, which takes the lock.
void poller::on_system_error(char const* what) noexcept {
  int const error = errno;
  bool const passes = error == EMFILE || error == ENFILE || error == ENOMEM;
  if (turning == nullptr || !passes) {
    std::perror(what);
    std::abort();
  }
  poller& here = *turning;
  here.lock_.unlock();
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  here.lock_.lock();
}

/// libev is about to wait for events.
void poller::enter_kernel() noexcept {
  // It has refusals of the kernel to report, and would do so after the wait only.
  if (ev_pending_count(loop_.get()) != 0) bell_.ring();
  if (blocked_since_ == 0) blocked_since_ = ev_now(loop_.get());
  in_kernel_ = true;
  lock_.unlock();
}

/// libev is about to serve the events; the lock stays taken until it has.
void poller::leave_kernel() noexcept {
  lock_.lock();
  in_kernel_ = false;
  if (closer_waits_) turn_change_.notify_all();
}

}  // namespace ramie::detail
