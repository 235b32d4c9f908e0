// Models of the channel: a value that was sent is received once, whole, and in its order; one whose
// sender was told that it has not been sent stays with it; nobody waits beside a partner, or beside
// a closed channel; and the channel may go as soon as a call on it has returned and no other waits.
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <ramie/sync/detail/channel_core.hpp>

#include "model.hpp"
#include "payload.hpp"
#include "relacy_waiting.hpp"

namespace ramie::models {
namespace {

constexpr detail::steady_time never = detail::steady_time::max();
using channel = detail::basic_channel_core<relacy_waiting, payload>;

/// Threads, and a channel of that capacity.
template <std::size_t Threads, std::size_t Capacity>
struct talking : waiting_threads<Threads> {
  std::unique_ptr<channel> shared = std::make_unique<channel>(Capacity);
  plain<int> sent[Threads];
  plain<int> received[Threads];

  channel_status send(int number, detail::steady_time deadline = never) {
    payload value(number);
    channel_status const status = shared->send(value, true, deadline);
    bool const ok = status == channel_status::ok;
    RL_ASSERT(value.value() == (ok ? nothing : number));
    if (ok) add(sent, number);
    return status;
  }
  /// Nothing: the time ran out, or the channel is closed and drained.
  int receive(detail::steady_time deadline = never) {
    std::optional<payload> value;
    channel_status const status = shared->receive(value, true, deadline);
    bool const ok = status == channel_status::ok;
    RL_ASSERT(value.has_value() == ok);
    if (!ok) return nothing;
    RL_ASSERT(value->value() != nothing);
    add(received, value->value());
    return value->value();
  }

  static void add(plain<int>* to, int number) {
    plain<int>& mine = to[rl::thread_index()];
    mine.set(mine.get() + number);
  }

  /// All that was sent has been received, or is there still.
  void expect_balance() {
    int balance = 0;
    for (auto& one : sent) balance += one.get();
    for (auto& one : received) balance -= one.get();
    for (std::size_t i = 0; i < Capacity; ++i) {
      std::optional<payload> left;
      if (shared->receive(left, false, never) == channel_status::ok) balance -= left->value();
    }
    RL_ASSERT(balance == 0);
  }
};

template <std::size_t Capacity>
struct two_senders : rl::test_suite<two_senders<Capacity>, 3>, talking<3, Capacity> {
  void thread(unsigned index) {
    if (index > 0) {
      RL_ASSERT(this->send(static_cast<int>(index)) == channel_status::ok);
      return;
    }
    int const first = this->receive();
    int const second = this->receive();
    RL_ASSERT(first + second == 1 + 2);
  }
};

/// Both of one sender's values, in their order.
template <std::size_t Capacity>
struct in_order : rl::test_suite<in_order<Capacity>, 2>, talking<2, Capacity> {
  void thread(unsigned index) {
    for (int i = 1; i <= 3; ++i) {
      if (index == 0) {
        RL_ASSERT(this->send(i) == channel_status::ok);
      } else {
        RL_ASSERT(this->receive() == i);
      }
    }
  }
};

template <std::size_t Capacity>
struct two_receivers : rl::test_suite<two_receivers<Capacity>, 3>, talking<3, Capacity> {
  void thread(unsigned index) {
    if (index > 0) {
      RL_ASSERT(this->receive() != nothing);
      return;
    }
    for (int i = 1; i <= 2; ++i) RL_ASSERT(this->send(i) == channel_status::ok);
  }
  void after() { this->expect_balance(); }
};

/// Whoever waits when the channel is closed, or comes later, is told.
template <std::size_t Capacity>
struct closing : rl::test_suite<closing<Capacity>, 3>, talking<3, Capacity> {
  void thread(unsigned index) {
    if (index == 0) {
      this->send(1);
    } else if (index == 1) {
      while (this->receive() != nothing) {
      }
    } else {
      this->shared->close();
    }
  }
  void after() { this->expect_balance(); }
};

template <std::size_t Capacity>
struct time_outs : rl::test_suite<time_outs<Capacity>, 3>, talking<3, Capacity> {
  void thread(unsigned index) {
    if (index > 0) {
      this->send(static_cast<int>(index), soon);
    } else {
      this->receive(soon);
    }
  }
  void after() { this->expect_balance(); }
};

/// A receiver's time runs out beside another receiver; then it tries again.
template <std::size_t Capacity>
struct receive_again : rl::test_suite<receive_again<Capacity>, 3>, talking<3, Capacity> {
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 1; i <= 2; ++i) RL_ASSERT(this->send(i) == channel_status::ok);
      return;
    }
    bool const done = index == 2 && this->receive(soon) != nothing;
    if (!done) RL_ASSERT(this->receive() != nothing);
  }
  void after() { this->expect_balance(); }
};

/// The same with a sender's.
template <std::size_t Capacity>
struct send_again : rl::test_suite<send_again<Capacity>, 3>, talking<3, Capacity> {
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 1; i <= 2; ++i) RL_ASSERT(this->receive() != nothing);
      return;
    }
    int const mine = static_cast<int>(index);
    bool const done = index == 2 && this->send(mine, soon) == channel_status::ok;
    if (!done) RL_ASSERT(this->send(mine) == channel_status::ok);
  }
};

/// Whoever receives, or sends, destroys the channel: at the second attempt perhaps.
template <bool ByReceiver>
struct destroy : rl::test_suite<destroy<ByReceiver>, 2>, talking<2, 0> {
  void thread(unsigned index) {
    bool const receives = index == 0;
    bool const destroys = receives == ByReceiver;
    bool const done = destroys && attempt(receives, soon);
    if (!done) RL_ASSERT(attempt(receives, never));
    if (destroys) shared.reset();
  }
  bool attempt(bool receives, detail::steady_time deadline) {
    return receives ? receive(deadline) != nothing : send(1, deadline) == channel_status::ok;
  }
};

/// A value whose first move throws, once among all of them.
class fragile {
 public:
  struct dropped {};
  static inline relacy_atomics::atomic<bool>* slippery = nullptr;  ///< Of the suite that runs.

  explicit fragile(int value) : inside_(value) {}
  fragile(fragile&& other) : inside_((drop_once(), std::move(other.inside_))) {}
  fragile& operator=(fragile&&) = delete;
  ~fragile() = default;
  int value() const { return inside_.value(); }

 private:
  static void drop_once() {
    if (slippery->exchange(false, std::memory_order_relaxed)) throw dropped{};
  }

  payload inside_;
};

/// Two send and one receives; whoever's call throws tries again.
template <std::size_t Capacity>
struct move_throws : rl::test_suite<move_throws<Capacity>, 3>, waiting_threads<3> {
  detail::basic_channel_core<relacy_waiting, fragile> shared{Capacity};
  relacy_atomics::atomic<bool> slippery{true};

  move_throws() { fragile::slippery = &slippery; }

  void thread(unsigned index) {
    if (index == 0) {
      int const first = receive();
      RL_ASSERT(first + receive() == 1 + 2);
    } else {
      send(static_cast<int>(index));
    }
  }

  int receive() {
    std::optional<fragile> value;
    bool const ok = retried([&] { return shared.receive(value, true, never); });
    RL_ASSERT(ok && value.has_value());
    return value->value();
  }
  void send(int number) {
    fragile value(number);
    RL_ASSERT(retried([&] {
      RL_ASSERT(value.value() == number);
      return shared.send(value, true, never);
    }));
    RL_ASSERT(value.value() == nothing);
  }

  template <class Call>
  static bool retried(Call call) {
    try {
      return call() == channel_status::ok;
    } catch (fragile::dropped const&) {
    }
    return call() == channel_status::ok;
  }
};

constexpr std::array models_of_channel{
    make_merging_model<two_senders<0>>("channel_two_senders", ""),
    make_merging_model<two_senders<1>>("channel_two_senders_buffered", ""),
    make_merging_model<two_receivers<0>>("channel_two_receivers", ""),
    make_merging_model<two_receivers<1>>("channel_two_receivers_buffered", ""),
    make_merging_model<in_order<0>>("channel_in_order", ""),
    make_merging_model<in_order<1>>("channel_in_order_buffered", ""),
    make_merging_model<closing<0>>("channel_closing", ""),
    make_merging_model<closing<1>>("channel_closing_buffered", ""),
    make_merging_model<time_outs<0>>("channel_time_outs", ""),
    make_merging_model<time_outs<1>>("channel_time_outs_buffered", ""),
    make_merging_model<receive_again<0>>("channel_receive_again", ""),
    make_merging_model<receive_again<1>>("channel_receive_again_buffered", ""),
    make_merging_model<send_again<0>>("channel_send_again", ""),
    make_merging_model<send_again<1>>("channel_send_again_buffered", ""),
    make_merging_model<destroy<true>>("channel_destroy_by_receiver", ""),
    make_merging_model<destroy<false>>("channel_destroy_by_sender", ""),
    make_merging_model<move_throws<0>>("channel_move_throws", ""),
    make_merging_model<move_throws<1>>("channel_move_throws_buffered", ""),
};

}  // namespace

std::span<model const> channel_models() {
  return models_of_channel;
}

}  // namespace ramie::models
