// Calling a function once. The protocol: sync/DESIGN.md#call-once.
#pragma once

#include <functional>
#include <utility>

#include <ramie/sync/detail/once_core.hpp>

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
    ~call() { flag_.core_.end(made_); }
    void succeed() noexcept { made_ = true; }

   private:
    once_flag& flag_;
    bool made_ = false;
  };

  detail::once_core core_;
};

/// As std::call_once: of all calls on a flag one calls f(args...) and returns, and the others
/// return after it. A call that ends by an exception (`cancelled` among them) throws it and leaves
/// its turn to another one. Not a cancellation point itself: waiting for another's call is not
/// interrupted.
template <class Callable, class... Args>
void call_once(once_flag& flag, Callable&& f, Args&&... args) {
  if (flag.core_.is_done() || !flag.core_.begin()) return;
  once_flag::call call(flag);
  std::invoke(std::forward<Callable>(f), std::forward<Args>(args)...);
  call.succeed();
}

}  // namespace ramie
