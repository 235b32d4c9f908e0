#include <ramie/sched/detail/fiber_group.hpp>

#include <mutex>
#include <system_error>
#include <utility>

#include <ramie/sched/cancelled.hpp>

#include "core.hpp"
#include "identity.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

fiber_group::~fiber_group() {
  if (left_to_parent()) return;
  cancel();
  wait_until_empty(interruptible::no);
}

// In a forked child, where its members never end.
bool fiber_group::left_to_parent() noexcept {
  std::lock_guard const guard(lock_);
  return first_ != nullptr && first_->pool->in_forked_child();
}

bool fiber_group::enter(bool may_wait) {
  if (may_wait) {
    places_.take();
  } else if (!places_.try_take()) {
    return false;
  }
  std::lock_guard const guard(lock_);
  ++count_;
  return true;
}

void fiber_group::adopt(fiber_record& member) noexcept {
  member.group = this;
  member.bounds.deadline = deadline_;
  std::lock_guard const guard(lock_);
  member.group_previous = nullptr;
  member.group_next = first_;
  if (first_ != nullptr) first_->group_previous = &member;
  first_ = &member;
  if (cancelled_) member.cancel.request();  // not launched yet: it never runs
}

void fiber_group::finished(fiber_record& member, std::exception_ptr thrown) noexcept {
  bool const failed = thrown != nullptr && !is_own_cancellation(member, thrown);
  std::lock_guard const guard(lock_);
  (member.group_previous != nullptr ? member.group_previous->group_next : first_) =
      member.group_next;
  if (member.group_next != nullptr) member.group_next->group_previous = member.group_previous;
  if (thrown != nullptr && !failed && !cancelled_) cut_off_ = true;
  if (!failed || failure_ != nullptr) return;
  failure_ = std::move(thrown);
  cancel_members();
}

void fiber_group::leave() noexcept {
  places_.give();
  lock_.lock();
  waiter* const last = --count_ == 0 ? waiting_ : nullptr;
  bool const won = last != nullptr && last->claim();
  lock_.unlock();
  if (won) last->resume();
}

// Under the lock: nobody's record can be freed meanwhile.
void fiber_group::cancel_members() noexcept {
  cancelled_ = true;
  for (fiber_record* member = first_; member != nullptr; member = member->group_next) {
    request_cancel(*member);
  }
}

void fiber_group::cancel() noexcept {
  std::lock_guard const guard(lock_);
  if (count_ != 0) cancel_members();
}

wake fiber_group::wait_until_empty(interruptible mode) {
  waiter self;
  {
    std::lock_guard const guard(lock_);
    if (count_ == 0) return wake::unparked;
    if (waiting_ != nullptr) {
      throw std::system_error(std::make_error_code(std::errc::device_or_resource_busy),
                              "ramie: two waits for one task_group");
    }
    waiting_ = &self;
  }
  wake how = self.park({"task_group", this}, mode);
  std::lock_guard const guard(lock_);
  waiting_ = nullptr;
  return how;
}

void fiber_group::wait() {
  fiber_record* const caller = current_record();
  if (caller != nullptr && caller->group == this) {
    throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                            "ramie: a task that waits for its own task_group");
  }
  if (left_to_parent()) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "ramie: wait for a task_group in a forked child: its runtime's threads "
                            "stayed with the parent");
  }
  bool const interrupted = wait_until_empty(interruptible::yes) == wake::cancelled;
  if (interrupted) {
    cancel();
    wait_until_empty(interruptible::no);
  }
  std::exception_ptr thrown;
  bool cut_off;
  {
    std::lock_guard const guard(lock_);
    cancelled_ = false;
    cut_off = std::exchange(cut_off_, false);
    thrown = std::exchange(failure_, nullptr);
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);
  if (interrupted) throw_interruption();
  if (cut_off) throw cancelled{};
}

}  // namespace ramie::detail
