// Calling a function once. The protocol: sync/DESIGN.md#call-once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie {

class once_flag;
template <class Callable, class... Args>
void call_once(once_flag& flag, Callable&& f, Args&&... args);

/// As std::once_flag. It may be destroyed as soon as no call_once on it is left.
class once_flag {
 public:
  constexpr once_flag() noexcept = default;
  once_flag(once_flag const&) = delete;
  once_flag& operator=(once_flag const&) = delete;
  ~once_flag() = default;

 private:
  template <class Callable, class... Args>
  friend void call_once(once_flag& flag, Callable&& f, Args&&... args);

  /// Ends the call that `begin` began: as done, or as if it had not been made.
  class call {
   public:
    explicit call(once_flag& flag) noexcept : flag_(flag) {}
    call(call const&) = delete;
    call& operator=(call const&) = delete;
    ~call() { flag_.end(outcome_); }
    void succeed() noexcept { outcome_ = done; }

   private:
    once_flag& flag_;
    std::uint32_t outcome_ = idle;
  };

  static constexpr std::uint32_t idle = 0;
  static constexpr std::uint32_t running = 1;
  static constexpr std::uint32_t waited_for = 2;  // running, and the queue is not empty
  static constexpr std::uint32_t done = 3;

  bool is_done() const noexcept {
    return state_.load(std::memory_order_acquire) == done;  // [O1]
  }
  /// True: the caller is to make the call. False: it has been made.
  bool begin();
  void end(std::uint32_t outcome) noexcept;

  detail::tiny_lock lock_;
  detail::wait_queue queue_;  // guarded by lock_
  // One of the above. It leaves waited_for under lock_ only.
  // [O1] acquire in is_done and begin pairs with release [O2] in end and begin: the effects of the
  // call are visible to those who find it made.
  std::atomic<std::uint32_t> state_{idle};
};

/// As std::call_once: of all calls on a flag one calls f(args...) and returns, and the others
/// return after it. A call that ends by an exception (`cancelled` among them) throws it and leaves
/// its turn to another one. Not a cancellation point itself: waiting for another's call is not
/// interrupted.
template <class Callable, class... Args>
void call_once(once_flag& flag, Callable&& f, Args&&... args) {
  if (flag.is_done() || !flag.begin()) return;
  once_flag::call call(flag);
  std::invoke(std::forward<Callable>(f), std::forward<Args>(args)...);
  call.succeed();
}

}  // namespace ramie
