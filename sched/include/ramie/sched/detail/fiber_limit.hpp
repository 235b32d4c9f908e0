// A limit on fibers, with back-pressure: those that live, or those of a group.
#pragma once

#include <cstddef>

#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/park.hpp>

namespace ramie::detail {

/// Counts places down to none; then takers wait in order. Any thread or fiber.
class fiber_limit {
 public:
  /// 0: no limit, and every call is free.
  /// `reason`: what whoever waits for a place waits for.
  fiber_limit(std::size_t places, const char* reason) noexcept
      : limited_(places != 0), reason_(reason), places_(places) {}

  bool limited() const noexcept { return limited_; }

  /// False: no place is free now.
  bool try_take() noexcept { return !limited_ || try_take_limited(); }

  /// Waits for a place. A cancellation point.
  void take() {
    if (limited_) take_limited();
  }

  void give() noexcept {
    if (limited_) give_limited();
  }

 private:
  bool try_take_limited() noexcept;
  void take_limited();
  void give_limited() noexcept;

  struct node {
    waiter who;
    node* next = nullptr;
    node* previous = nullptr;
    bool queued = false;
  };

  void unlink(node& gone) noexcept;

  bool const limited_;
  const char* const reason_;
  tiny_lock lock_;
  std::size_t places_;
  node* first_ = nullptr;
  node* last_ = nullptr;
};

}  // namespace ramie::detail
