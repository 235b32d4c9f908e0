#include "thread_wait.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <mutex>
#include <optional>

#include <ramie/sched/detail/wait_bounds.hpp>
#include <ramie/sched/park.hpp>

#include "bell.hpp"

namespace ramie::detail {

namespace {

/// A thread in poll(2) on an owned descriptor.
struct thread_sleeper {
  std::uint64_t identity;
  direction side;
  int bell_number;
  thread_sleeper* next;
};

constinit std::mutex sleepers_lock;
constinit thread_sleeper* sleepers = nullptr;  // guarded by sleepers_lock

std::error_code last_error() {
  return {errno, std::system_category()};
}

/// Publishes the wait, unless there is another one or the descriptor is closed: then the error.
std::error_code link(thread_sleeper& self, wait_target target) {
  std::lock_guard const guard(sleepers_lock);
  // The closer marks the descriptor before it takes the lock to look for sleepers.
  if (target.closed()) return std::make_error_code(std::errc::operation_canceled);
  for (thread_sleeper const* other = sleepers; other != nullptr; other = other->next) {
    if (other->identity == self.identity && other->side == self.side) {
      return std::make_error_code(std::errc::device_or_resource_busy);
    }
  }
  self.next = sleepers;
  sleepers = &self;
  return {};
}

void unlink(thread_sleeper& self) noexcept {
  std::lock_guard const guard(sleepers_lock);
  thread_sleeper** at = &sleepers;
  while (*at != &self) at = &(*at)->next;
  *at = self.next;
}

/// The calling thread's. A child of fork(2) gets another one than its parent's, or each would take
/// what the other one is rung for.
bell& bell_of_this_thread() noexcept {
  thread_local std::optional<bell> mine;  // Plain threads only: no fiber comes here.
  thread_local pid_t process = 0;
  if (pid_t const now = ::getpid(); process != now) {
    mine.emplace();
    process = now;
  }
  return *mine;
}

/// What is left until then, for ppoll; not negative.
timespec time_left(steady_time deadline) {
  using std::chrono::nanoseconds;
  nanoseconds const left = std::max<nanoseconds>(deadline - clock_now(), nanoseconds(0));
  constexpr nanoseconds::rep second = nanoseconds(std::chrono::seconds(1)).count();
  return {static_cast<time_t>(left.count() / second), static_cast<long>(left.count() % second)};
}

/// Obeys the deadline of the thread's scopes. Throws `cancelled`, in a cancelled job or section
/// whose deadline has come.
std::error_code poll_until_ready(pollfd* polled, nfds_t count) {
  steady_time const deadline = current_bounds().deadline;
  for (;;) {
    timespec const left = time_left(deadline);
    int const ready =
        ::ppoll(polled, count, deadline == steady_time::max() ? nullptr : &left, nullptr);
    if (ready > 0) break;
    if (ready == 0) return interruption_code();
    if (errno != EINTR) return last_error();
  }
  if ((polled[0].revents & POLLNVAL) != 0) {
    return std::make_error_code(std::errc::bad_file_descriptor);
  }
  return {};
}

}  // namespace

std::error_code thread_wait(wait_target target, direction side) {
  short const events = side == direction::read ? POLLIN : POLLOUT;
  pollfd polled[2] = {{target.number, events, 0}, {-1, POLLIN, 0}};
  if (target.owner == nullptr) return poll_until_ready(polled, 1);

  bell& wake_up = bell_of_this_thread();
  polled[1].fd = wake_up.open();
  if (polled[1].fd < 0) return last_error();
  thread_sleeper self{target.identity, side, polled[1].fd, nullptr};
  if (std::error_code const refused = link(self, target)) return refused;
  std::error_code error;
  try {
    error = poll_until_ready(polled, 2);
  } catch (...) {
    unlink(self);
    wake_up.silence();  // for the next wait
    throw;
  }
  unlink(self);
  // For the next wait too; it may have been rung after the poll.
  if (wake_up.silence()) return std::make_error_code(std::errc::operation_canceled);
  return error;
}

void wake_threads_that_wait_for(std::uint64_t identity) noexcept {
  std::lock_guard const guard(sleepers_lock);
  for (thread_sleeper const* one = sleepers; one != nullptr; one = one->next) {
    if (one->identity == identity) bell::ring(one->bell_number);
  }
}

}  // namespace ramie::detail
