// Waits that must come to their end.
#pragma once

#include <ramie/sched/detail/wait_bounds.hpp>

namespace ramie {

/// While it lives its fiber is not cancelled and no deadline from outside it ends a wait; deadlines
/// of scopes opened inside it do. What was held back is delivered at the first wait after it. For
/// clean-up that has to wait. Shields nest. Made and destroyed by one fiber or plain OS thread, in
/// order with its deadline scopes.
class [[nodiscard]] cancellation_shield {
 public:
  cancellation_shield() noexcept : bounds_(detail::current_bounds()), outer_(bounds_.deadline) {
    ++bounds_.shields;
    bounds_.deadline = detail::steady_time::max();
  }
  cancellation_shield(cancellation_shield const&) = delete;
  cancellation_shield& operator=(cancellation_shield const&) = delete;
  ~cancellation_shield() {
    bounds_.deadline = outer_;
    --bounds_.shields;
  }

 private:
  detail::wait_bounds& bounds_;
  detail::steady_time const outer_;
};

}  // namespace ramie
