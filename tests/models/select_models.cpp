// Models of select: the core that ships, over park words, with rendezvous channels of the models'
// own in place of channel_core.
//
// In each: a select commits exactly one case, and what it commits is committed at the other end
// too; values are seen by their receivers; a wake-up that is lost is a deadlock. Cases are on the
// heap, so that Relacy reports whoever touches one after its select has returned.
#include <array>
#include <cstddef>
#include <memory>

#include <ramie/sched/detail/join_word.hpp>
#include <ramie/sched/detail/park_word.hpp>
#include <ramie/sched/detail/selection.hpp>

#include "model.hpp"

namespace ramie::models {
namespace {

using time_point = std::chrono::steady_clock::time_point;

/// A thread, as far as it waits.
struct parker {
  detail::basic_park_word<relacy_atomics> word;
  plain<int> outcome;  ///< A wake: written by the winner of the claim.
  token run;
  token timer;  ///< Starts the thread's timer for the wait that it is in.
  plain<std::uint64_t> timed;

  bool end(std::uint64_t episode, wake how) {
    if (!word.claim(episode)) return false;
    outcome.set(static_cast<int>(how));
    return true;
  }
  void resume(std::uint64_t episode) {
    if (word.release(episode)) run.post();
  }
};

/// Those of the threads of the suite that runs.
std::array<parker, 3>* parkers = nullptr;

class select_waiter {
 public:
  select_waiter() : parker_(&parkers->at(rl::thread_index())), episode_(parker_->word.episode()) {}

  bool claim() { return parker_->end(episode_, wake::unparked); }
  void resume() { parker_->resume(episode_); }
  void unpark() {
    if (claim()) resume();
  }
  wake park_until(park_reason, time_point due) {
    if (due != time_point::max()) {
      parker_->timed.set(episode_);
      parker_->timer.post();
    }
    if (parker_->word.commit_park(episode_)) parker_->run.wait();
    return static_cast<wake>(parker_->outcome.get());
  }

 private:
  parker* parker_;
  std::uint64_t episode_;
};

using held_locks = detail::basic_held_locks<model_lock>;
using select_case = detail::basic_select_case<model_lock, select_waiter>;
using select_place = detail::basic_select_place<model_lock, select_waiter>;

/// One order on even threads, another one on odd ones.
struct order_by_thread {
  std::size_t below(std::size_t n) const { return rl::thread_index() % 2 == 0 ? n - 1 : 0; }
};

struct node {
  plain<select_waiter*> owner;
  plain<int> value;
  plain<bool> claimed;
  plain<node*> next;
};

class node_queue {
 public:
  bool empty() const { return head_.get() == nullptr; }
  void push_back(node& one) {
    plain<node*>* at = &head_;
    while (at->get() != nullptr) at = &at->get()->next;
    one.next.set(nullptr);
    at->set(&one);
  }
  void remove(node& one) {
    plain<node*>* at = &head_;
    while (at->get() != nullptr && at->get() != &one) at = &at->get()->next;
    if (at->get() != nullptr) at->set(one.next.get());
  }
  node* claim_front() {
    while (node* const one = head_.get()) {
      head_.set(one->next.get());
      if (!one->owner.get()->claim()) continue;
      one->claimed.set(true);
      return one;
    }
    return nullptr;
  }

 private:
  plain<node*> head_;
};

struct rendezvous {
  model_lock lock;
  node_queue senders;
  node_queue receivers;
};

class channel_case final : public select_case {
 public:
  static constexpr int nothing = 0;

  /// Sends `value`, or receives if it is nothing.
  explicit channel_case(rendezvous& channel, int value = nothing)
      : select_case(&channel.lock),
        channel_(channel),
        mine_(value == nothing ? channel.receivers : channel.senders),
        others_(value == nothing ? channel.senders : channel.receivers) {
    self_.value.set(value);
  }
  virtual ~channel_case() = default;

  bool ready() override { return !others_.empty(); }

  bool try_commit(held_locks& locks) override {
    node* const other = others_.claim_front();
    if (other == nullptr) return false;
    locks.keep_only(channel_.lock);
    channel_.lock.unlock();
    bool const receives = self_.value.get() == nothing;
    node& from = receives ? *other : self_;
    node& to = receives ? self_ : *other;
    RL_ASSERT(to.value.get() == nothing && from.value.get() != nothing);
    to.value.set(from.value.get());
    other->owner.get()->resume();
    return true;
  }

  bool publish(select_waiter& self) noexcept override {
    self_.owner.set(&self);
    mine_.push_back(self_);
    return true;
  }

  bool withdraw() noexcept override {
    if (self_.claimed.get()) return true;
    channel_.lock.lock();
    mine_.remove(self_);
    channel_.lock.unlock();
    return false;
  }

  int value() const { return self_.value.get(); }

 private:
  rendezvous& channel_;
  node_queue& mine_;
  node_queue& others_;
  node self_;
};

/// A fiber that ends, in the thread that calls `finish`.
struct ending {
  detail::basic_join_word<relacy_atomics> word;
  plain<int> result;

  void finish() {
    result.set(42);
    auto* const waiting = static_cast<select_waiter*>(word.begin_finish().waiter);
    bool const won = waiting != nullptr && waiting->claim();
    word.end_finish();
    if (won) waiting->resume();
  }
};

class join_case final : public select_case {
 public:
  explicit join_case(ending& fiber) : fiber_(fiber) { source_ = 1; }
  virtual ~join_case() = default;

  bool ready() override { return fiber_.word.done(); }
  bool publish(select_waiter& self) noexcept override {
    self_ = &self;
    return fiber_.word.await(&self);
  }
  bool withdraw() noexcept override {
    static_cast<void>(fiber_.word.withdraw(self_));
    return false;
  }

 private:
  ending& fiber_;
  select_waiter* self_ = nullptr;
};

class time_case final : public select_case {
 public:
  explicit time_case(relacy_atomics::atomic<bool> const& has_come) : has_come_(has_come) {
    due_ = time_point();
  }
  virtual ~time_case() = default;

  bool ready() override { return has_come_.load(std::memory_order_relaxed); }
  bool publish(select_waiter&) noexcept override { return true; }
  bool withdraw() noexcept override { return false; }

 private:
  relacy_atomics::atomic<bool> const& has_come_;
};

template <class... Cases>
std::size_t select(bool may_wait, Cases&... cases) {
  std::array<select_place, sizeof...(Cases)> places{select_place{&cases}...};
  std::array<model_lock*, sizeof...(Cases)> locks{};
  std::size_t chosen = 0;
  detail::basic_selection<model_lock, select_waiter, order_by_thread> selection(places, locks);
  RL_ASSERT(selection.run(may_wait, chosen));
  return chosen;
}

/// What the models have in common: threads, two channels, and what each thread did.
struct selecting : rl::nocopy<> {
  std::array<parker, 3> threads;
  rendezvous a;
  rendezvous b;
  std::array<plain<int>, 3> sent;
  std::array<plain<int>, 3> received;

  selecting() { parkers = &threads; }

  static void add(plain<int>& to, int value) { to.set(to.get() + value); }

  void expect_balance() {
    int balance = 0;
    for (auto& one : sent) balance += one.get();
    for (auto& one : received) balance -= one.get();
    RL_ASSERT(balance == 0);
  }
};

/// Two selects, each at one end of two channels.
struct both_ends : rl::test_suite<both_ends, 2>, selecting {
  std::array<plain<std::size_t>, 2> chosen;

  void thread(unsigned index) {
    auto on_a = std::make_unique<channel_case>(a, index == 0 ? channel_case::nothing : 5);
    auto on_b = std::make_unique<channel_case>(b, index == 0 ? 7 : channel_case::nothing);
    std::size_t const which = select(true, *on_a, *on_b);
    chosen.at(index).set(which);
    bool const sends = which != index;
    add(sends ? sent.at(index) : received.at(index), (which == 0 ? on_a : on_b)->value());
  }

  void after() {
    RL_ASSERT(chosen[0].get() == chosen[1].get());
    expect_balance();
  }
};

/// One receives twice, over two channels, from one sender on each.
struct two_senders : rl::test_suite<two_senders, 3>, selecting {
  void thread(unsigned index) {
    if (index != 0) {
      auto on_mine = std::make_unique<channel_case>(index == 1 ? a : b, static_cast<int>(index));
      RL_ASSERT(select(true, *on_mine) == 0);
      return;
    }
    for (int round = 0; round < 2; ++round) {
      auto on_a = std::make_unique<channel_case>(a);
      auto on_b = std::make_unique<channel_case>(b);
      bool const by_a = select(true, *on_a, *on_b) == 0;
      RL_ASSERT((by_a ? on_b : on_a)->value() == channel_case::nothing);
      add(received[0], (by_a ? on_a : on_b)->value());
    }
  }

  void after() { RL_ASSERT(received[0].get() == 1 + 2); }
};

/// Both ends of a channel wait for the end of a fiber too, which never comes: so each is published
/// to it before it looks at the channel for the last time.
struct beside_fibers : rl::test_suite<beside_fibers, 2>, selecting {
  std::array<ending, 2> fibers;

  void thread(unsigned index) {
    auto on_a = std::make_unique<channel_case>(a, index == 0 ? 5 : channel_case::nothing);
    auto on_end = std::make_unique<join_case>(fibers.at(index));
    RL_ASSERT(select(true, *on_a, *on_end) == 0);
    RL_ASSERT(on_a->value() == 5);
  }
};

/// The same, but the fibers end: if one has sent, the other has received.
struct send_or_join : rl::test_suite<send_or_join, 3>, selecting {
  std::array<ending, 2> fibers;

  void thread(unsigned index) {
    if (index == 2) {
      for (ending& one : fibers) one.finish();
      return;
    }
    auto on_a = std::make_unique<channel_case>(a, index == 0 ? 5 : channel_case::nothing);
    auto on_end = std::make_unique<join_case>(fibers.at(index));
    if (select(true, *on_a, *on_end) == 0) {
      add(index == 0 ? sent.at(index) : received.at(index), on_a->value());
    } else {
      RL_ASSERT(fibers.at(index).result.get() == 42);
    }
  }

  void after() { expect_balance(); }
};

/// A receiver's time runs out, while somebody who would not wait looks for one.
struct receive_or_time_out : rl::test_suite<receive_or_time_out, 3>, selecting {
  relacy_atomics::atomic<bool> has_come{false};

  void thread(unsigned index) {
    if (index == 0) {
      auto on_a = std::make_unique<channel_case>(a);
      auto on_time = std::make_unique<time_case>(has_come);
      if (select(true, *on_a, *on_time) == 0) received[0].set(on_a->value());
      threads[0].timer.post();
    } else if (index == 1) {
      threads[0].timer.wait();
      has_come.store(true, std::memory_order_relaxed);
      std::uint64_t const episode = threads[0].timed.get();
      if (threads[0].end(episode, wake::timed_out)) threads[0].resume(episode);
    } else {
      auto on_a = std::make_unique<channel_case>(a, 5);
      if (select(false, *on_a) == 0) sent[2].set(5);
    }
  }

  void after() { expect_balance(); }
};

constexpr std::array models_of_select{
    make_model<both_ends>("select_both_ends", "P"),
    make_model<two_senders>("select_two_senders", "P"),
    make_model<beside_fibers>("select_beside_fibers", "PJ"),
    make_model<send_or_join>("select_send_or_join", "PJ"),
    make_model<receive_or_time_out>("select_time_out", "P"),
};

}  // namespace

std::span<model const> select_models() {
  return models_of_select;
}

}  // namespace ramie::models
