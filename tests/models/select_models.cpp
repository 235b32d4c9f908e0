// Models of select: the core and the channels that ship.
//
// In each: a select commits exactly one case, and what it commits is committed at the other end
// too; values are seen by their receivers; a wake-up that is lost is a deadlock. Cases are on the
// heap, so that Relacy reports whoever touches one after its select has returned.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <ramie/sched/detail/join_word.hpp>
#include <ramie/sched/detail/selection.hpp>
#include <ramie/sync/detail/channel_case.hpp>

#include "model.hpp"
#include "payload.hpp"
#include "relacy_waiting.hpp"

namespace ramie::models {
namespace {

using select_case = detail::basic_select_case<model_lock, model_waiter>;
using select_place = detail::basic_select_place<model_lock, model_waiter>;
using channel = detail::basic_channel_core<relacy_waiting, payload>;

/// One order on even threads, another one on odd ones.
struct order_by_thread {
  std::size_t below(std::size_t n) const { return rl::thread_index() % 2 == 0 ? n - 1 : 0; }
};

class receive_case final : public detail::basic_receive_case<relacy_waiting, payload> {
 public:
  using basic_receive_case::basic_receive_case;
  int value() const { return value_.has_value() ? value_->value() : nothing; }
};

class send_case final : public detail::basic_send_case<relacy_waiting, payload, payload> {
 public:
  send_case(channel& to, int value) : basic_send_case(to, payload(value)) {}
  bool sent() const { return value_.value() == nothing; }
};

/// A fiber that ends, in the thread that calls `finish`.
struct ending {
  detail::basic_join_word<relacy_atomics> word;
  plain<int> result;
  std::array<model_waiter*, 3> waiting{};

  /// What the word holds for the thread's waiter: a number, so that states can be compared.
  void* known(model_waiter& self) {
    std::size_t const index = rl::thread_index();
    waiting.at(index) = &self;
    return reinterpret_cast<void*>((index + 1) * alignment);
  }

  void finish() {
    result.set(42);
    auto const found = reinterpret_cast<std::uintptr_t>(word.begin_finish().waiter);
    model_waiter* const joiner = found == 0 ? nullptr : waiting.at(found / alignment - 1);
    bool const won = joiner != nullptr && joiner->claim();
    word.end_finish();
    if (won) joiner->resume();
  }

 private:
  static constexpr std::uintptr_t alignment = 8;
};

class join_case final : public select_case {
 public:
  explicit join_case(ending& fiber) : fiber_(fiber) { source_ = 1; }
  virtual ~join_case() = default;

  bool ready() override { return fiber_.word.done(); }
  bool publish(model_waiter& self) noexcept override {
    self_ = &self;
    return fiber_.word.await(fiber_.known(self));
  }
  bool withdraw() noexcept override {
    static_cast<void>(fiber_.word.withdraw(fiber_.known(*self_)));
    return false;
  }

 private:
  ending& fiber_;
  model_waiter* self_ = nullptr;
};

class time_case final : public select_case {
 public:
  time_case() { due_ = soon; }
  virtual ~time_case() = default;

  bool ready() override { return parkers[rl::thread_index()].timed_out; }
  bool publish(model_waiter&) noexcept override { return true; }
  bool withdraw() noexcept override { return false; }
};

template <class... Cases>
std::size_t select(bool may_wait, Cases&... cases) {
  std::array<select_place, sizeof...(Cases)> places{select_place{&cases}...};
  std::array<model_lock*, sizeof...(Cases)> locks{};
  std::size_t chosen = 0;
  detail::basic_selection<model_lock, model_waiter, order_by_thread> selection(places, locks);
  RL_ASSERT(selection.run(may_wait, chosen));
  return chosen;
}

/// What the models have in common: threads, two rendezvous channels, and what each thread did.
template <std::size_t Threads>
struct selecting : waiting_threads<Threads> {
  channel a{0};
  channel b{0};
  std::array<plain<int>, Threads> sent;
  std::array<plain<int>, Threads> received;

  static void add(std::array<plain<int>, Threads>& to, int value) {
    plain<int>& mine = to.at(rl::thread_index());
    mine.set(mine.get() + value);
  }

  void expect_balance() {
    int balance = 0;
    for (auto& one : sent) balance += one.get();
    for (auto& one : received) balance -= one.get();
    RL_ASSERT(balance == 0);
  }

  /// Which of the two it was.
  std::size_t receive_or_send(channel& from, channel& to, int value) {
    auto receiving = std::make_unique<receive_case>(from);
    auto sending = std::make_unique<send_case>(to, value);
    std::size_t const chosen = select(true, *receiving, *sending);
    RL_ASSERT((receiving->value() != nothing) == (chosen == 0));
    RL_ASSERT(sending->sent() == (chosen == 1));
    chosen == 0 ? add(received, receiving->value()) : add(sent, value);
    return chosen;
  }
};

/// Two selects, each at one end of two channels.
struct both_ends : rl::test_suite<both_ends, 2>, selecting<2> {
  std::array<plain<std::size_t>, 2> chosen;

  void thread(unsigned index) {
    std::size_t const which = index == 0 ? receive_or_send(a, b, 7) : receive_or_send(b, a, 5);
    chosen.at(index).set(which);
  }

  void after() {
    RL_ASSERT(chosen[0].get() != chosen[1].get());
    expect_balance();
  }
};

/// One receives twice, over two channels, from one sender on each.
struct two_senders : rl::test_suite<two_senders, 3>, selecting<3> {
  void thread(unsigned index) {
    if (index != 0) {
      auto on_mine = std::make_unique<send_case>(index == 1 ? a : b, static_cast<int>(index));
      RL_ASSERT(select(true, *on_mine) == 0);
      return;
    }
    for (unsigned round = 0; round < 2; ++round) {
      auto on_a = std::make_unique<receive_case>(a);
      auto on_b = std::make_unique<receive_case>(b);
      bool const by_a = select(true, *on_a, *on_b) == 0;
      RL_ASSERT((by_a ? on_b : on_a)->value() == nothing);
      add(received, (by_a ? on_a : on_b)->value());
      here(round + (by_a ? 2 : 0));
    }
  }

  void after() { RL_ASSERT(received[0].get() == 1 + 2); }
};

/// Both ends of a channel wait for the end of a fiber too, which never comes: so each is published
/// to it before it looks at the channel for the last time.
struct beside_fibers : rl::test_suite<beside_fibers, 2>, selecting<2> {
  std::array<ending, 2> fibers;

  void thread(unsigned index) {
    auto on_end = std::make_unique<join_case>(fibers.at(index));
    if (index == 0) {
      auto on_a = std::make_unique<send_case>(a, 5);
      RL_ASSERT(select(true, *on_a, *on_end) == 0);
      RL_ASSERT(on_a->sent());
    } else {
      auto on_a = std::make_unique<receive_case>(a);
      RL_ASSERT(select(true, *on_a, *on_end) == 0);
      RL_ASSERT(on_a->value() == 5);
    }
  }
};

/// The same, but the fibers end: if one has sent, the other has received.
struct send_or_join : rl::test_suite<send_or_join, 3>, selecting<3> {
  std::array<ending, 2> fibers;

  void thread(unsigned index) {
    if (index == 2) {
      for (ending& one : fibers) one.finish();
      return;
    }
    auto on_end = std::make_unique<join_case>(fibers.at(index));
    bool joined = false;
    if (index == 0) {
      auto on_a = std::make_unique<send_case>(a, 5);
      joined = select(true, *on_a, *on_end) == 1;
      if (!joined) add(sent, 5);
    } else {
      auto on_a = std::make_unique<receive_case>(a);
      joined = select(true, *on_a, *on_end) == 1;
      if (!joined) add(received, on_a->value());
    }
    if (joined) RL_ASSERT(fibers.at(index).result.get() == 42);
  }

  void after() { expect_balance(); }
};

/// A receiver's time runs out, while somebody who would not wait looks for one.
struct receive_or_time_out : rl::test_suite<receive_or_time_out, 2>, selecting<2> {
  void thread(unsigned index) {
    if (index == 0) {
      auto on_a = std::make_unique<receive_case>(a);
      auto on_time = std::make_unique<time_case>();
      if (select(true, *on_a, *on_time) == 0) add(received, on_a->value());
    } else {
      auto on_a = std::make_unique<send_case>(a, 5);
      if (select(false, *on_a) == 0) add(sent, 5);
    }
  }

  void after() { expect_balance(); }
};

constexpr std::array models_of_select{
    make_merging_model<both_ends>("select_both_ends", "P"),
    make_merging_model<two_senders>("select_two_senders", "P"),
    make_merging_model<beside_fibers>("select_beside_fibers", "PJ"),
    make_merging_model<send_or_join>("select_send_or_join", "PJ"),
    make_merging_model<receive_or_time_out>("select_time_out", "P"),
};

}  // namespace

std::span<model const> select_models() {
  return models_of_select;
}

}  // namespace ramie::models
