// What wakes a thread that waits in the kernel for descriptors.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace ramie::detail {

/// An eventfd: readable from ring() to silence(). Any thread may ring it once it is open.
class bell {
 public:
  bell() = default;
  bell(bell const&) = delete;
  bell& operator=(bell const&) = delete;
  ~bell() {
    if (number_ >= 0) ::close(number_);
  }

  /// The descriptor, made if need be; negative if the kernel gives none: errno says why.
  int open() noexcept {
    if (number_ < 0) number_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return number_;
  }

  void ring() const noexcept { ring(number_); }
  static void ring(int number) noexcept {
    std::uint64_t const once = 1;
    [[maybe_unused]] auto const written = ::write(number, &once, sizeof once);
  }

  /// Whether it had been rung.
  bool silence() const noexcept {
    std::uint64_t rings = 0;
    return ::read(number_, &rings, sizeof rings) > 0;
  }

 private:
  int number_ = -1;
};

}  // namespace ramie::detail
