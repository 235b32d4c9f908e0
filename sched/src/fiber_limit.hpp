// The limit on live fibers, with back-pressure.
#pragma once

#include <cstddef>

#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sched/park.hpp>

namespace ramie::detail {

/// Counts places down to none; then takers wait in order. Any thread or fiber.
class fiber_limit {
 public:
  /// 0: no limit, and every call is free.
  explicit fiber_limit(std::size_t places) noexcept : limited_(places != 0), places_(places) {}

  bool limited() const noexcept { return limited_; }

  /// False: no place is free now.
  bool try_take() noexcept;

  /// Waits for a place. A cancellation point: throws `cancelled`.
  void take();

  void give() noexcept;

 private:
  struct node {
    waiter who;
    node* next = nullptr;
    node* previous = nullptr;
    bool queued = false;
  };

  void unlink(node& gone) noexcept;

  bool const limited_;
  tiny_lock lock_;
  std::size_t places_;
  node* first_ = nullptr;
  node* last_ = nullptr;
};

}  // namespace ramie::detail
