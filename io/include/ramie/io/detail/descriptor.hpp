// A file descriptor that ramie owns, and that can be closed while operations on it run.
#pragma once

#include <atomic>
#include <cstdint>
#include <system_error>

namespace ramie::detail {

struct descriptor_access;

enum class direction : std::uint8_t { read, write };

/// Operations and `close` may be called by any fiber or thread; moving and destroying it is for one
/// that is sure to be alone. Invariants (io/DESIGN.md#closing):
///  1. The number is given back to the kernel by whoever is the last in it, so it can't come to
///  mean
///     another file while an operation uses it.
///  2. No wait begins after `close` has woken those that were there.
class descriptor {
 public:
  /// Closed.
  descriptor() noexcept = default;
  /// Owns `fd`, which must be non-blocking.
  explicit descriptor(int fd) noexcept;
  descriptor(descriptor&& other) noexcept;
  descriptor& operator=(descriptor&& other) noexcept;
  ~descriptor() { close(); }

  bool is_open() const noexcept {
    return (state_.load(std::memory_order_acquire) & closed) == 0;  // [D3]
  }
  /// The number, or -1 if it is closed.
  int number() const noexcept { return is_open() ? number_ : -1; }
  /// Different for every descriptor that was ever opened; the number is used again, this is not.
  std::uint64_t identity() const noexcept { return identity_; }

  /// Wakes whoever waits and lets no operation begin any more. Does nothing if it is closed.
  void close() noexcept;

  /// Keeps the number in use while it lives.
  class operation {
   public:
    explicit operation(descriptor& on) noexcept : on_(on.enter() ? &on : nullptr) {}
    operation(operation const&) = delete;
    operation& operator=(operation const&) = delete;
    ~operation() {
      if (on_ != nullptr) on_->leave();
    }
    /// False: the descriptor is closed.
    explicit operator bool() const noexcept { return on_ != nullptr; }
    int number() const noexcept { return on_->number_; }

   private:
    descriptor* on_;
  };

  /// Whether this fiber has a poller to wait with, which is made if it is the first of its runtime;
  /// false: an error tells why not. Always true on a plain thread.
  static bool can_wait(std::error_code& error);

  /// Waits, within an operation, until it is ready. `operation_canceled`: it was closed meanwhile;
  /// `device_or_resource_busy`: somebody else waits for that direction. Throws `cancelled`.
  std::error_code wait(direction side);

 private:
  bool enter() noexcept {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    while ((seen & closed) == 0) {
      if (state_.compare_exchange_weak(seen, seen + one_operation,
                                       std::memory_order_acquire,  // [D1]
                                       std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  void leave() noexcept {
    if (state_.fetch_sub(one_operation, std::memory_order_acq_rel) == (closed | one_operation)) {
      give_back();
    }
  }

  void give_back() noexcept;

  static constexpr std::uint32_t closed = 1;
  static constexpr std::uint32_t one_operation = 2;

  // closed, and one_operation times the operations that run. Once closed it only falls; whoever
  // makes it `closed` gives the number back.
  // [D1] acquire in enter and [D3] in is_open pair with the release [D2] in close.
  // [D2] acq_rel in leave: the last one out comes after all others.
  std::atomic<std::uint32_t> state_{closed};
  int number_ = -1;
  std::uint64_t identity_ = 0;
};

}  // namespace ramie::detail
