// Models of the idle set: no worker sleeps beside work that nobody is on the way to.
//
// A worker that has taken an item takes no other: so an item left beside a sleeper is a deadlock.
// The items' counts are relaxed: the idle set alone makes them visible in time.
#include <array>
#include <atomic>
#include <ramie/sched/detail/idle_set.hpp>
#include <ramie/sched/detail/inbox.hpp>
#include <ramie/sched/detail/work_deque.hpp>
#include <span>

#include "model.hpp"
#include "model_queue.hpp"

namespace ramie::models {
namespace {

/// Items that are nothing but a number of them.
class counted_items {
 public:
  void push() { count_.fetch_add(1, std::memory_order_relaxed); }
  bool visible() const { return count_.load(std::memory_order_relaxed) > 0; }
  bool take() {
    int seen = count_.load(std::memory_order_relaxed);
    while (seen > 0) {
      if (count_.compare_exchange_strong(seen, seen - 1, std::memory_order_relaxed,
                                         std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

 private:
  relacy_atomics::atomic<int> count_{0};
};

/// The items of a deque whose owner is the producer.
class deque_items {
 public:
  void push() { RL_ASSERT(deque_.push(&item_)); }
  bool visible() const { return deque_.size() > 0; }
  bool take() { return deque_.steal() != nullptr; }

 private:
  int item_ = 0;
  detail::basic_work_deque<int, relacy_atomics, 2> deque_;
};

/// The items of an inbox whose queue holds one: the second goes to the overflow list.
class inbox_items {
 public:
  void push() { inbox_.push(&item_.at(pushed_++)); }
  bool visible() const { return !inbox_.empty(); }
  bool take() { return inbox_.pop() != nullptr; }

 private:
  struct link {
    link* queue_next = nullptr;
  };
  std::array<link, 2> item_;
  std::size_t pushed_ = 0;
  detail::basic_inbox<link, relacy_atomics, model_queue<link, 1>, model_lock> inbox_;
};

template <unsigned Workers>
struct sleepers {
  detail::basic_idle_set<relacy_atomics, Workers> idle{Workers};
  std::array<token, Workers> wake_up;

  void wake(int picked) {
    if (picked >= 0) wake_up.at(static_cast<std::size_t>(picked)).post();
  }

  /// A searching worker has taken an item.
  void stop_searching() {
    here();
    bool const last = idle.stop_searching();
    here();
    if (last) wake(idle.pick_sleeper_to_wake());
    here();
  }

  /// Worker `w` sleeps unless `visible` sees something to do. It searches afterwards.
  template <class Visible>
  void sleep(unsigned w, bool searching, Visible visible) {
    here(searching);
    idle.announce_sleep(w, searching);
    here();
    bool const awake = visible();
    here(awake);
    if (!awake) wake_up.at(w).wait();
    here();
    idle.end_sleep(w);
    here();
  }
};

/// Workers, each of which takes one item, of as many.
template <class Items, unsigned Workers>
struct pool : sleepers<Workers> {
  Items shared;

  /// Wakes one worker, which is to wake the next if there is more than one item.
  void push(unsigned items) {
    for (unsigned i = 0; i < items; ++i) shared.push();
    this->wake(this->idle.pick_sleeper_to_wake());
  }

  void work(unsigned w) {
    bool searching = this->idle.try_start_searching();
    for (;;) {
      here(searching);
      if (searching && shared.take()) return this->stop_searching();
      this->sleep(w, searching, [this] { return shared.visible(); });
      searching = true;
    }
  }

  void all_awake() const {
    RL_ASSERT(this->idle.searching() == 0);
    RL_ASSERT(this->idle.sleeping() == 0);
  }
};

/// Producers of one item each, beside as many workers; or one producer of all items.
template <class Items, unsigned Producers, unsigned Workers>
struct producers : rl::test_suite<producers<Items, Producers, Workers>, Producers + Workers>,
                   pool<Items, Workers> {
  void thread(unsigned index) {
    if (index >= Producers) return this->work(index - Producers);
    this->push(Workers / Producers);
  }
  void after() { this->all_awake(); }
};

/// An item that only worker 0 may take, and that is not finished until the other item has been
/// taken, by either worker. Then worker 0 ends the other one.
struct pinned_item : rl::test_suite<pinned_item, 4>, sleepers<2> {
  counted_items pinned;
  counted_items shared;
  token shared_taken;
  relacy_atomics::atomic<bool> over{false};

  void thread(unsigned index) {
    if (index > 1) return work(index - 2);
    if (index == 0) {
      shared.push();
      wake(idle.pick_sleeper_to_wake());
    } else {
      pinned.push();
      wake(idle.pick_worker(0));
    }
  }

  void work(unsigned w) {
    bool searching = false;
    for (;;) {
      here(searching);
      if (searching && w == 0 && pinned.take()) return finish();
      here(searching);
      if (searching && shared.take()) {
        stop_searching();
        shared_taken.post();
        here();
        searching = idle.try_start_searching();
        continue;
      }
      sleep(w, searching, [this, w] { return (w == 0 && pinned.visible()) || shared.visible(); });
      if (w == 1 && over.load(std::memory_order_relaxed)) return;
      searching = true;
    }
  }

  void finish() {
    stop_searching();
    shared_taken.wait();
    over.store(true, std::memory_order_relaxed);
    wake_up.at(1).post();
  }
};

/// Shut-down: a flag is set, and everybody who sleeps is woken to see it.
struct shut_down : rl::test_suite<shut_down, 3>, sleepers<2> {
  relacy_atomics::atomic<bool> stop{false};

  bool stopped() const { return stop.load(std::memory_order_relaxed); }

  void thread(unsigned index) {
    if (index > 0) return work(index - 1);
    stop.store(true, std::memory_order_relaxed);
    for (int w = 0; (w = idle.pick_any_sleeper()) >= 0;) {
      wake(w);
      here();
    }
  }

  void work(unsigned w) {
    bool searching = false;
    while (here(searching), !stopped()) {
      sleep(w, searching, [this] { return stopped(); });
      searching = true;
    }
  }
};

constexpr std::array models_of_idle{
    make_merging_model<producers<counted_items, 1, 1>>("idle_one_worker", "I"),
    make_merging_model<producers<counted_items, 1, 2>>("idle_two_workers", "I"),
    make_merging_model<producers<counted_items, 2, 2>>("idle_two_producers", "I"),
    make_merging_model<pinned_item>("idle_pinned", "I"),
    make_merging_model<shut_down>("idle_shut_down", "I"),
    make_merging_model<producers<deque_items, 1, 2>>("idle_deque", "ID"),
    make_merging_model<producers<inbox_items, 1, 2>>("idle_inbox", "I"),
};

}  // namespace

std::span<model const> idle_models() {
  return models_of_idle;
}

}  // namespace ramie::models
