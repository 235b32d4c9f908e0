#include <ramie/io/select.hpp>

#include <poll.h>

#include <cerrno>
#include <cstdint>
#include <new>
#include <utility>

#include "poller.hpp"

namespace ramie::detail {

bool descriptor_waiter::ready() {
  if (error_) throw std::system_error(std::exchange(error_, {}), "ramie: select");
  if (file_ == nullptr) return poll();
  descriptor::operation const inside(*file_);
  if (!inside) {
    throw std::system_error(std::make_error_code(std::errc::bad_file_descriptor), "ramie: select");
  }
  number_ = inside.number();
  return poll();
}

bool descriptor_waiter::poll() {
  bool const writes = side_ == direction::write;
  // Odd: no address of anything else that is waited for.
  source_ = static_cast<std::uintptr_t>(number_) << 2 | std::uintptr_t{writes} << 1 | 1;
  pollfd look{number_, static_cast<short>(writes ? POLLOUT : POLLIN), 0};
  // Even a look that does not wait is interrupted by a signal that is there when it begins.
  int found = -1;
  do {
    found = ::poll(&look, 1, 0);
  } while (found < 0 && errno == EINTR);
  if (found < 0) throw std::system_error(errno, std::system_category(), "ramie: select");
  // poll(2) passes over numbers below zero.
  if (number_ < 0 || (look.revents & POLLNVAL) != 0) {
    throw std::system_error(std::make_error_code(std::errc::bad_file_descriptor), "ramie: select");
  }
  return look.revents != 0;
}

bool descriptor_waiter::publish(waiter& self) noexcept {
  try {
    error_ = begin(self);
  } catch (std::bad_alloc const&) {
    error_ = std::make_error_code(std::errc::not_enough_memory);
  }
  if (!armed_) inside_.reset();
  return armed_;
}

/// Publishes the sleeper, unless there is an error, or the descriptor has become ready.
std::error_code descriptor_waiter::begin(waiter& self) {
  std::error_code error;
  where_ = poller::nearest(error);
  if (where_ == nullptr) return error;
  std::uint64_t identity = record::stranger;
  if (file_ != nullptr) {
    inside_.emplace(*file_);
    if (!*inside_) return std::make_error_code(std::errc::operation_canceled);
    identity = file_->identity();
  }
  sleeper_ = {&self};
  auto const end = where_->begin({number_, identity, file_}, side_, sleeper_);
  armed_ = !end;
  if (armed_) attend_nearest_io_driver();
  return end.value_or(std::error_code());
}

bool descriptor_waiter::withdraw() noexcept {
  if (!std::exchange(armed_, false)) return false;
  where_->leave(sleeper_);
  inside_.reset();
  error_ = error_of(sleeper_.end);
  return false;  // Whether it is ready is looked at again.
}

}  // namespace ramie::detail
