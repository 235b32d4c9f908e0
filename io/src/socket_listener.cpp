#include <ramie/io/detail/socket_listener.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <ramie/sched/deadline_scope.hpp>

#include "attempt.hpp"
#include "backoff.hpp"

namespace ramie::detail {

namespace {

/// Whether accept should simply be called again: the connection was gone before it was accepted, or
/// a signal came. The errors of accept(2) that belong to the connection, not to the listener.
bool is_transient(int error) noexcept {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case ENONET:
      return true;
    default:
      return false;
  }
}

/// Whether the connection goes on waiting to be accepted for want of something else.
bool is_shortage(std::error_code error) noexcept {
  return error == std::errc::too_many_files_open ||
         error == std::errc::too_many_files_open_in_system || error == std::errc::no_buffer_space ||
         error == std::errc::not_enough_memory;
}

}  // namespace

socket_listener::socket_listener(socket_listener&& other) noexcept
    : descriptor_owner(std::move(other)),
      shortages_(other.shortages_.load(std::memory_order_relaxed)) {}

socket_listener& socket_listener::operator=(socket_listener&& other) noexcept {
  if (this == &other) return *this;
  descriptor_owner::operator=(std::move(other));
  shortages_.store(other.shortages_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return *this;
}

// The listener is readable all the while, so whoever tries again at once would spin. It never is
// writable: to wait for that is to wait for the time, the close or the cancellation.
std::error_code socket_listener::back_off() {
  using std::chrono::milliseconds;
  constexpr milliseconds longest(1000);
  std::uint32_t const before = shortages_.load(std::memory_order_relaxed);
  if (before == 0) return {};
  milliseconds const time = std::min(milliseconds(5) * (1 << std::min(before - 1, 8U)), longest);
  std::error_code error;
  {
    deadline_scope const pause(time);
    error = file_.wait(direction::write);
  }
  if (error == std::make_error_code(std::errc::timed_out)) return {};
  if (!is_shortage(error)) return error;
  // The first wait takes descriptors, too: what is left to wait for is the time.
  error = pause_for(std::min(time, backoff::longest));
  if (!error && !file_.is_open()) error = std::make_error_code(std::errc::operation_canceled);
  return error;
}

/// Counts the calls in a row that have found none.
void socket_listener::note(bool shortage) noexcept {
  std::uint32_t const before = shortages_.load(std::memory_order_relaxed);
  shortages_.store(shortage ? before + 1 : 0, std::memory_order_relaxed);
}

socket_listener::connection socket_listener::accept_one(sockaddr_storage& peer, socklen_t& size,
                                                        std::error_code& error) {
  descriptor::operation const running(file_);
  error = running ? back_off() : io::closed_error();
  if (error) return {-1, false};
  // Whatever waits later needs the poller: the connections must not take its descriptors.
  if (!descriptor::can_wait(error)) {
    note(is_shortage(error));
    return {-1, false};
  }
  bool waited = false;
  auto const wait = [&] {
    waited = true;
    return file_.wait(direction::read);
  };
  for (;;) {
    peer = {};
    size = sizeof peer;
    auto const fd = static_cast<int>(repeat(wait, error, [&] {
      return ::accept4(running.number(), reinterpret_cast<sockaddr*>(&peer), &size,
                       SOCK_NONBLOCK | SOCK_CLOEXEC);
    }));
    if (fd < 0 && is_transient(error.value())) continue;
    note(fd < 0 && is_shortage(error));
    return {fd, waited};
  }
}

}  // namespace ramie::detail
