// The cases of select for descriptors.
#pragma once

#include <atomic>
#include <concepts>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include <ramie/io/detail/descriptor.hpp>
#include <ramie/io/detail/descriptor_sleeper.hpp>
#include <ramie/sched/select.hpp>

namespace ramie {

namespace detail {

class poller;

struct descriptor_access {
  template <class Stream>
  static auto of(Stream& given) noexcept -> decltype((given.file_)) {
    return given.file_;
  }
  /// A stream that has been read to its last byte waits before it reads: not now.
  template <class Stream>
  static void expect_data(Stream& given) noexcept {
    if constexpr (requires { given.drained_; }) given.drained_.store(false, relaxed);
  }

 private:
  static constexpr auto relaxed = std::memory_order_relaxed;  // As in the stream: the reader's own.
};

/// The case of a direction of a descriptor without its handler.
class descriptor_waiter : public select_case {
 public:
  bool ready() final;
  bool publish(waiter& self) noexcept final;
  bool withdraw() noexcept final;

 protected:
  descriptor_waiter(descriptor& file, direction side) noexcept : file_(&file), side_(side) {}
  /// Not owned by ramie.
  descriptor_waiter(int number, direction side) noexcept : number_(number), side_(side) {}

 private:
  bool poll();
  std::error_code begin(waiter& self);

  descriptor* file_ = nullptr;
  int number_ = -1;
  direction side_;
  // From publish to withdraw:
  bool armed_ = false;
  poller* where_ = nullptr;
  std::optional<descriptor::operation> inside_;
  descriptor_sleeper sleeper_;
  std::error_code error_;  // what the wait met, for the next look to throw
};

template <class F>
class descriptor_case final : public descriptor_waiter {
 public:
  template <class Target>
  descriptor_case(Target&& target, direction side, F f)
      : descriptor_waiter(target, side), handler_(std::move(f)) {}

  void handle() { std::invoke(handler_); }

 private:
  F handler_;
};

template <class Stream>
concept has_descriptor = requires(Stream& given) {
  { descriptor_access::of(given) } -> std::same_as<descriptor&>;
};

}  // namespace detail

/// A read (an accept) on the stream or listener would not block: there is data, a connection, the
/// end or an error. Its other user of that direction, if any, makes select throw
/// errc::device_or_resource_busy; closing it, errc::operation_canceled; that it is closed already,
/// errc::bad_file_descriptor. A plain thread has it watched by the default runtime.
template <detail::has_descriptor Stream, std::invocable F>
auto on_readable(Stream& from, F f) {
  auto handler = [&from, f = std::move(f)]() mutable {
    detail::descriptor_access::expect_data(from);
    std::invoke(f);
  };
  return detail::descriptor_case<decltype(handler)>(detail::descriptor_access::of(from),
                                                    detail::direction::read, std::move(handler));
}

/// The same for a write.
template <detail::has_descriptor Stream, std::invocable F>
auto on_writable(Stream& to, F f) {
  return detail::descriptor_case<F>(detail::descriptor_access::of(to), detail::direction::write,
                                    std::move(f));
}

/// The same for any descriptor, which stays the caller's: it must not be closed before select has
/// returned. Regular files are always ready.
template <std::invocable F>
auto on_readable(int fd, F f) {
  return detail::descriptor_case<F>(fd, detail::direction::read, std::move(f));
}
template <std::invocable F>
auto on_writable(int fd, F f) {
  return detail::descriptor_case<F>(fd, detail::direction::write, std::move(f));
}

}  // namespace ramie
