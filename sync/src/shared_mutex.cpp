#include <mutex>

#include <ramie/sync/detail/shared_mutex_core.hpp>

namespace ramie::detail {

/// Becomes a reader unless a writer holds the lock or anybody waits; `seen` shows that then.
bool shared_mutex_core::try_join(std::uint64_t& seen) noexcept {
  while ((seen & (held | waiting)) == 0) {
    if (state_.compare_exchange_weak(seen, seen + reader, std::memory_order_acquire,  // [R1]
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

/// Under the lock: takes the lock if it is free, else links the node. The bit is set while others
/// are seen to hold it, so that the last one's unlock can't miss it.
bool shared_mutex_core::enqueue_or_take(wait_node& self) noexcept {
  std::lock_guard const guard(lock_);
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = seen == 0 ? held : seen | waiting;
  } while (!state_.compare_exchange_weak(seen, next, std::memory_order_acquire,  // [R1]
                                         std::memory_order_relaxed));
  if (next == held) return true;
  writers_.push_back(self);
  return false;
}

bool shared_mutex_core::enqueue_or_join(wait_node& self) noexcept {
  std::lock_guard const guard(lock_);
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  do {
    if (try_join(seen)) return true;
    // relaxed: publishes nothing; the queues are read under lock_.
  } while (!state_.compare_exchange_weak(seen, seen | waiting, std::memory_order_relaxed,
                                         std::memory_order_relaxed));
  readers_.push_back(self);
  return false;
}

bool shared_mutex_core::lock_contended(steady_time deadline, interruptible mode) {
  waiter self;
  wait_node node(self);
  if (enqueue_or_take(node)) return true;
  return finish(writers_, node, self.park_until({what_, this}, deadline, mode));
}

bool shared_mutex_core::lock_shared_contended(steady_time deadline, interruptible mode) {
  waiter self;
  wait_node node(self);
  if (enqueue_or_join(node)) return true;
  return finish(readers_, node, self.park_until({what_, this}, deadline, mode));
}

/// Whoever was woken has been handed the lock.
bool shared_mutex_core::finish(wait_queue& queue, wait_node& self, wake outcome) {
  if (outcome == wake::unparked) return true;
  leave(queue, self).resume_all(placement::queue);
  if (outcome == wake::cancelled) throw_interruption();
  return false;
}

/// A waiter whose time has run out goes. Readers that waited for it alone, beside readers that hold
/// the lock, are admitted.
resume_list shared_mutex_core::leave(wait_queue& queue, wait_node& self) noexcept {
  resume_list admitted;
  std::lock_guard const guard(lock_);
  // Whoever unlinked it has seen to the rest.
  if (!queue.remove(self)) return admitted;
  std::uint64_t seen = state_.load(std::memory_order_relaxed);
  std::uint64_t const joining =
      (seen & held) == 0 && writers_.empty() ? admit_readers(admitted) : 0;
  std::uint64_t const cleared = waiting & ~waiting_bit();
  // Readers may leave meanwhile, but not the last one: with the bit set it needs lock_ for that.
  // [R1]: what the last writer wrote is visible to those that are resumed.
  while (!state_.compare_exchange_weak(seen, (seen & ~cleared) + joining,
                                       std::memory_order_acquire,  // [R1]
                                       std::memory_order_relaxed)) {
  }
  return admitted;
}

std::uint64_t shared_mutex_core::waiting_bit() const noexcept {
  return readers_.empty() && writers_.empty() ? 0 : waiting;
}

/// Under the lock: claims all readers that wait, and returns what they add to the state.
std::uint64_t shared_mutex_core::admit_readers(resume_list& admitted) noexcept {
  std::uint64_t joining = 0;
  while (wait_node* const node = readers_.claim_front()) {
    admitted.push_back(*node);
    joining += reader;
  }
  return joining;
}

/// Under the lock: the same for the first writer.
std::uint64_t shared_mutex_core::admit_writer(resume_list& admitted) noexcept {
  wait_node* const node = writers_.claim_front();
  if (node == nullptr) return 0;
  admitted.push_back(*node);
  return held;
}

/// By `holder`, the writer or one of the readers. Whoever is the last to leave while others wait
/// gives the lock to the other side first.
void shared_mutex_core::hand_over(std::uint64_t holder) noexcept {
  bool const to_readers = holder == held;
  resume_list admitted;
  for (;;) {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    while (seen != (holder | waiting)) {
      if (state_.compare_exchange_weak(seen, seen - holder, std::memory_order_release,  // [R2]
                                       std::memory_order_relaxed)) {
        return;
      }
    }
    std::lock_guard const guard(lock_);
    // Those who waited may have left, or readers may have been admitted: then nobody that waits
    // keeps *this alive once it is free.
    if (state_.load(std::memory_order_acquire) != (holder | waiting)) continue;  // [R1]
    std::uint64_t next = to_readers ? admit_readers(admitted) : admit_writer(admitted);
    if (next == 0) next = to_readers ? admit_writer(admitted) : admit_readers(admitted);
    // Nobody else changes it: others need the bit to be clear, or lock_.
    state_.store(next | waiting_bit(), std::memory_order_release);  // [R2]
    break;
  }
  admitted.resume_all(placement::queue);
}

}  // namespace ramie::detail
