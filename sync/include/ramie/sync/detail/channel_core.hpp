// What channel and unbounded_channel share. The protocol: sync/DESIGN.md#channel.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

#include <ramie/sched/detail/time.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sync/channel_status.hpp>
#include <ramie/sync/detail/ring_buffer.hpp>
#include <ramie/sync/detail/wait_policy.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

/// How a waiter was woken. `closed` unless whoever claims it says otherwise; `again`: T threw as it
/// was moved on somebody else's stack, and the waiter tries anew at the head of the queue.
enum class channel_wake : unsigned char { closed, served, again };

/// Invariants, under lock_: receivers wait only while the buffer is empty and no sender waits;
/// senders wait only while the buffer is full, but for a sender that was told to try again; once
/// closed, nobody waits. A value goes straight between two stacks whenever one side waits.
template <class A, class T>
class basic_channel_core {
 public:
  using lock_type = typename A::lock;
  using waiter = typename A::waiter;
  using wait_queue = basic_wait_queue<A>;

  template <class Place>
  struct node : basic_wait_node<A> {
    node(waiter& who, Place& given) noexcept : basic_wait_node<A>(who), place(&given) {}
    Place* const place;
    // Written by the winner of the claim.
    typename A::template plain<channel_wake> how = channel_wake::closed;
  };
  using sender = node<T>;
  using receiver = node<std::optional<T>>;
  using guard = std::unique_lock<lock_type>;

  basic_channel_core() noexcept : bounded_(false) {}
  explicit basic_channel_core(std::size_t capacity) : buffer_(capacity) {}

  /// Moves from `value` only if it returns ok. `full` at once if it would wait and may not.
  channel_status send(T& value, bool may_wait, steady_time deadline) {
    lock_.lock();
    if (closed_ || !receivers_.empty() || buffer_.full()) {
      return send_locked(value, may_wait, deadline);
    }
    std::lock_guard const held(lock_, std::adopt_lock);
    buffer_.push(std::move(value));
    return channel_status::ok;
  }

  /// Fills the empty `into` only if it returns ok.
  channel_status receive(std::optional<T>& into, bool may_wait, steady_time deadline) {
    lock_.lock();
    return receive_locked(into, may_wait, deadline);
  }
  /// Inline, so that what it returns stays in registers (D-14).
  std::optional<T> receive() {
    lock_.lock();
    return !buffer_.empty() && senders_.empty() ? take_locked() : receive_locked();
  }
  void close() noexcept;

  // --- for those who wait for several things at once, and hold lock()

  lock_type& lock() noexcept { return lock_; }
  wait_queue& senders() noexcept { return senders_; }
  wait_queue& receivers() noexcept { return receivers_; }
  /// Whether the next two will find anything to do; unless those who wait there have left.
  bool can_send() const noexcept {
    return closed_ || !receivers_.empty() || !bounded_ || !buffer_.full();
  }
  bool can_receive() const noexcept { return closed_ || !buffer_.empty() || !senders_.empty(); }

  /// What needs no wait. `lock` is held, and released unless the operation would have to wait: null
  /// then. Calls `decided` when it is sure that it need not, before it moves or wakes anything.
  template <class Decided>
  std::optional<channel_status> send_now(guard& lock, T& value, Decided decided);
  template <class Decided>
  std::optional<channel_status> receive_now(guard& lock, std::optional<T>& into, Decided decided);

 private:
  static sender* claim_sender(wait_queue& queue) noexcept {
    return static_cast<sender*>(queue.claim_front());
  }

  /// Moves a value between two stacks, with no lock held, and lets `other` go on.
  template <class Node, class Move>
  static void hand_over(Node& other, Move move) {
    struct resumer {
      Node& other;
      ~resumer() { other.owner->resume(); }
    } const resume_last{other};
    other.how = channel_wake::again;
    move();
    other.how = channel_wake::served;
  }

  // These are called with the lock held, and release it.
  [[gnu::noinline]] channel_status send_locked(T& value, bool may_wait, steady_time deadline);
  [[gnu::noinline]] channel_status receive_locked(std::optional<T>& into, bool may_wait,
                                                  steady_time deadline);
  std::optional<T> receive_locked() {
    std::optional<T> value;
    receive_locked(value, true, steady_time::max());
    return value;
  }
  std::optional<T> take_locked() {
    std::lock_guard const held(lock_, std::adopt_lock);
    std::optional<T> value(std::in_place, std::move(buffer_.front()));
    buffer_.pop();
    return value;
  }
  void take_from_buffer(guard& lock, std::optional<T>& into);

  lock_type lock_;
  // All guarded by lock_.
  wait_queue senders_;
  wait_queue receivers_;
  ring_buffer<T> buffer_;
  bool const bounded_ = true;
  typename A::template plain<bool> closed_ = false;
};

template <class T>
using channel_core = basic_channel_core<std_wait_policy, T>;

template <class A, class T>
template <class Decided>
std::optional<channel_status> basic_channel_core<A, T>::send_now(guard& lock, T& value,
                                                                 Decided decided) {
  if (closed_) {
    decided();
    lock.unlock();
    return channel_status::closed;
  }
  if (auto* const other = static_cast<receiver*>(receivers_.claim_front())) {
    decided();
    lock.unlock();
    hand_over(*other, [&] { other->place->emplace(std::move(value)); });
    return channel_status::ok;
  }
  if (bounded_ && buffer_.full()) return std::nullopt;
  decided();
  // If one of these throws, the caller's guard releases the lock.
  if (buffer_.full()) buffer_.grow();
  buffer_.push(std::move(value));
  lock.unlock();
  return channel_status::ok;
}

template <class A, class T>
template <class Decided>
std::optional<channel_status> basic_channel_core<A, T>::receive_now(guard& lock,
                                                                    std::optional<T>& into,
                                                                    Decided decided) {
  if (!buffer_.empty()) {
    decided();
    take_from_buffer(lock, into);
    return channel_status::ok;
  }
  if (sender* const other = claim_sender(senders_)) {
    decided();
    lock.unlock();
    hand_over(*other, [&] { into.emplace(std::move(*other->place)); });
    return channel_status::ok;
  }
  if (!closed_) return std::nullopt;
  decided();
  lock.unlock();
  return channel_status::closed;
}

template <class A, class T>
channel_status basic_channel_core<A, T>::send_locked(T& value, bool may_wait,
                                                     steady_time deadline) {
  guard lock(lock_, std::adopt_lock);
  for (bool first_time = true;; first_time = false, lock = guard(lock_)) {
    if (auto const done = send_now(lock, value, [] {})) return *done;
    if (!may_wait) return channel_status::full;
    waiter self;
    sender place(self, value);
    first_time ? senders_.push_back(place) : senders_.push_front(place);
    lock.release();
    wake const outcome = park_linked(senders_, place, lock_, {"channel send", this}, deadline);
    if (outcome == wake::cancelled) A::throw_interruption();
    if (outcome == wake::timed_out) return channel_status::timed_out;
    if (place.how == channel_wake::served) return channel_status::ok;
    if (place.how == channel_wake::closed) return channel_status::closed;
  }
}

template <class A, class T>
channel_status basic_channel_core<A, T>::receive_locked(std::optional<T>& into, bool may_wait,
                                                        steady_time deadline) {
  guard lock(lock_, std::adopt_lock);
  for (bool first_time = true;; first_time = false, lock = guard(lock_)) {
    if (auto const done = receive_now(lock, into, [] {})) return *done;
    if (!may_wait) return channel_status::empty;
    waiter self;
    receiver place(self, into);
    first_time ? receivers_.push_back(place) : receivers_.push_front(place);
    lock.release();
    wake const outcome = park_linked(receivers_, place, lock_, {"channel receive", this}, deadline);
    if (outcome == wake::cancelled) A::throw_interruption();
    if (outcome == wake::timed_out) return channel_status::timed_out;
    if (place.how == channel_wake::served) return channel_status::ok;
    if (place.how == channel_wake::closed) return channel_status::closed;
  }
}

/// Takes the front, and lets waiting senders fill the room that makes.
template <class A, class T>
void basic_channel_core<A, T>::take_from_buffer(guard& lock, std::optional<T>& into) {
  into.emplace(std::move(buffer_.front()));
  buffer_.pop();
  basic_resume_list<A> served;
  while (!buffer_.full()) {
    sender* const other = claim_sender(senders_);
    if (other == nullptr) break;
    other->how = channel_wake::again;
    try {
      buffer_.push(std::move(*other->place));
      other->how = channel_wake::served;
    } catch (...) {
      // The exception is the sender's: it meets it again when it tries again.
    }
    served.push_back(*other);
  }
  lock.unlock();
  served.resume_all(placement::next);
}

template <class A, class T>
void basic_channel_core<A, T>::close() noexcept {
  guard lock(lock_);
  closed_ = true;
  basic_resume_list<A> senders = senders_.claim_all();
  basic_resume_list<A> receivers = receivers_.claim_all();
  lock.unlock();
  senders.resume_all(placement::queue);
  receivers.resume_all(placement::queue);
}

}  // namespace ramie::detail
