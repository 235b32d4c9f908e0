#include <ramie/io/detail/descriptor.hpp>

#include <utility>

#include "poller.hpp"
#include "thread_wait.hpp"

namespace ramie::detail {

namespace {

/// Two are reserved: see record::owner.
constinit std::atomic<std::uint64_t> next_identity{record::first_identity};

}  // namespace

descriptor::descriptor(int fd) noexcept
    : state_(0),
      number_(fd),
      // relaxed: nothing but that it differs is asked of it.
      identity_(next_identity.fetch_add(1, std::memory_order_relaxed)) {}

descriptor::descriptor(descriptor&& other) noexcept
    : state_(other.state_.exchange(closed, std::memory_order_relaxed)),  // Nobody else is there.
      number_(std::exchange(other.number_, -1)),
      identity_(std::exchange(other.identity_, 0)) {}

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  if (this == &other) return *this;
  close();
  // relaxed: nobody else is there.
  state_.store(other.state_.exchange(closed, std::memory_order_relaxed), std::memory_order_relaxed);
  number_ = std::exchange(other.number_, -1);
  identity_ = std::exchange(other.identity_, 0);
  return *this;
}

void descriptor::give_back() noexcept {
  poller::give_back(number_, identity_);
}

void descriptor::close() noexcept {
  // Closing is an operation too: the number stays in use until the waiters have been told.
  std::uint32_t seen = state_.load(std::memory_order_relaxed);
  do {
    if ((seen & closed) != 0) return;
  } while (!state_.compare_exchange_weak(seen, (seen + one_operation) | closed,
                                         std::memory_order_release,  // [D2]
                                         std::memory_order_relaxed));
  // Whoever waits is inside an operation.
  if (seen != 0) {
    poller::forget_everywhere(number_, identity_);
    wake_threads_that_wait_for(identity_);
  }
  leave();
}

bool descriptor::can_wait(std::error_code& error) {
  error.clear();
  poller::of_this_fiber(error);
  return !error;
}

std::error_code descriptor::wait(direction side) {
  std::error_code error;
  if (poller* const here = poller::of_this_fiber(error)) {
    return here->wait({number_, identity_, this}, side);
  }
  if (error) return error;
  return thread_wait({number_, identity_, this}, side);
}

}  // namespace ramie::detail
