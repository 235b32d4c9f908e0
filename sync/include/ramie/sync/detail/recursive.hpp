// What recursive_mutex and recursive_timed_mutex share.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include <ramie/sched/fiber.hpp>
#include <ramie/sync/detail/lock_watch.hpp>

namespace ramie::detail {

[[noreturn]] void throw_too_deep();

/// Lets the owner of an inner mutex lock it again: each unlock takes one lock back, the last one
/// frees it. The owner is a fiber, wherever it runs, or a plain OS thread.
template <class Mutex>
class recursive {
 public:
  constexpr recursive() noexcept = default;
  recursive(recursive const&) = delete;
  recursive& operator=(recursive const&) = delete;
  ~recursive() = default;

  /// Not a cancellation point. Throws std::system_error (resource_unavailable_try_again) if it is
  /// locked as often as can be counted.
  void lock() {
    std::uint64_t const self = current_id();
    if (owned_by(self)) return lock_again();
    inner_.lock();
    own(self);
  }

  bool try_lock() noexcept {
    std::uint64_t const self = current_id();
    if (owned_by(self)) return count_again();
    if (!inner_.try_lock()) return false;
    own(self);
    return true;
  }

  /// By the owner. Throws nothing but std::system_error (operation_not_permitted), with lock_checks
  /// on, if the caller is not.
  void unlock() {
    if (watching_locks() && !owned_by(current_id())) return inner_.unlock();  // which throws
    if (--depth_ != 0) return;
    owner_.store(0, std::memory_order_relaxed);
    inner_.unlock();
  }

 protected:
  template <class TimedLock>
  bool lock_by(TimedLock lock_inner) {
    std::uint64_t const self = current_id();
    if (owned_by(self)) return count_again();
    if (!lock_inner(inner_)) return false;
    own(self);
    return true;
  }

 private:
  bool owned_by(std::uint64_t self) const noexcept {
    return owner_.load(std::memory_order_relaxed) == self;
  }
  void own(std::uint64_t self) noexcept {
    owner_.store(self, std::memory_order_relaxed);
    depth_ = 1;
  }
  bool count_again() noexcept {
    if (depth_ == std::numeric_limits<std::uint32_t>::max()) return false;
    ++depth_;
    return true;
  }
  void lock_again() {
    if (!count_again()) throw_too_deep();
  }

  Mutex inner_;
  // The owner's id, 0: none. relaxed: only the owner writes its own id, so whoever reads its own
  // id wrote it, and nobody else's decision depends on it.
  std::atomic<std::uint64_t> owner_{0};
  std::uint32_t depth_ = 0;  // guarded by inner_
};

}  // namespace ramie::detail
