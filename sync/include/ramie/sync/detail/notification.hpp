// What condition_variable and condition_variable_any share. The protocol:
// sync/DESIGN.md#condition-variable.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

/// Those who wait to be notified.
class notification {
 public:
  constexpr notification() noexcept = default;
  notification(notification const&) = delete;
  notification& operator=(notification const&) = delete;
  /// Waits for those that were notified but have not seen it yet.
  ~notification();

  void notify_one() noexcept;
  void notify_all() noexcept;

  /// From now on the node is among those who wait. It may have no owner yet.
  void add(wait_node& node) noexcept;
  /// Gives the node its owner, which parks next. False: it has been notified already, and has left;
  /// *this may be gone.
  bool bind(wait_node& node, waiter& owner) noexcept;
  /// One whose owner no notification has claimed goes; *this may be gone afterwards.
  void remove(wait_node& node) noexcept;

 private:
  wait_node* unlink_front(bool& found) noexcept;
  void leave_and_unlock() noexcept;

  tiny_lock lock_;
  wait_queue queue_;                // guarded by lock_
  wait_node* destroyer_ = nullptr;  // guarded by lock_: the destructor waits for waiting_ == 0
  // How many waiters no notification has claimed, and which have not left by themselves. Written
  // under lock_. Read without it by notify, relaxed: a waiter that a notification must reach has
  // raised it before it released the user's mutex, so that happened before the notification.
  std::atomic<std::uint32_t> waiting_{0};
};

/// A wait that begins before its owner can be bound: the user's unlock comes in between, and may
/// wait itself.
class early_wait {
 public:
  explicit early_wait(notification& at) noexcept : at_(at) { at_.add(node_); }
  early_wait(early_wait const&) = delete;
  early_wait& operator=(early_wait const&) = delete;
  ~early_wait() {
    if (listed_) at_.remove(node_);
  }

  /// Once. A request to stop ends it too, as `unparked`.
  wake wait(steady_time deadline, std::stop_token const& stop) noexcept;

 private:
  notification& at_;
  wait_node node_;
  bool listed_ = true;
};

}  // namespace ramie::detail
