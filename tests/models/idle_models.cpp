// Models of the idle set: no worker sleeps beside work that nobody is on the way to.
//
// A worker that has taken an item is busy until every item has been taken, by as many workers: so
// an item left beside a sleeper is a deadlock. The items' counts are relaxed: the idle set alone
// makes them visible in time.
#include <array>
#include <ramie/sched/detail/idle_set.hpp>
#include <ramie/sched/detail/inbox.hpp>
#include <ramie/sched/detail/work_deque.hpp>

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

/// Workers, each of which takes one item, of as many.
template <class Items, unsigned Workers>
struct pool {
  Items shared;
  detail::basic_idle_set<relacy_atomics, Workers> idle{Workers};
  std::array<token, Workers> wake_up;
  relacy_atomics::atomic<unsigned> busy{0};
  token all_busy;

  void wake(int picked) {
    if (picked >= 0) wake_up.at(static_cast<std::size_t>(picked)).post();
  }

  /// Wakes one worker, which is to wake the next if there is more than one item.
  void push(unsigned items) {
    for (unsigned i = 0; i < items; ++i) shared.push();
    wake(idle.pick_sleeper_to_wake());
  }

  void run_item() {
    if (busy.fetch_add(1, std::memory_order_relaxed) + 1 == Workers) {
      all_busy.post();
    } else {
      all_busy.wait();
    }
  }

  void work(unsigned w) {
    bool searching = idle.try_start_searching();
    for (;;) {
      if (searching && shared.take()) {
        if (idle.stop_searching()) wake(idle.pick_sleeper_to_wake());
        return run_item();
      }
      idle.announce_sleep(w, searching);
      if (!shared.visible()) wake_up.at(w).wait();
      idle.end_sleep(w);
      searching = true;
    }
  }

  void all_awake() const {
    RL_ASSERT(idle.searching() == 0);
    RL_ASSERT(idle.sleeping() == 0);
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
/// taken, by either worker. Whoever finishes the second item shuts the pool down.
struct pinned_item : rl::test_suite<pinned_item, 4> {
  detail::basic_idle_set<relacy_atomics, 2> idle{2};
  std::array<token, 2> wake_up;
  counted_items pinned;
  counted_items shared;
  token shared_taken;
  relacy_atomics::atomic<int> finished{0};

  void wake(int picked) {
    if (picked >= 0) wake_up.at(static_cast<std::size_t>(picked)).post();
  }

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

  bool all_finished() const { return finished.load(std::memory_order_relaxed) == 2; }
  bool visible(unsigned w) const {
    return all_finished() || shared.visible() || (w == 0 && pinned.visible());
  }

  void finish() {
    if (finished.fetch_add(1, std::memory_order_relaxed) + 1 < 2) return;
    for (int w = 0; (w = idle.pick_any_sleeper()) >= 0;) wake(w);
  }

  /// Takes an item, if there is one for `w`, and runs it.
  bool run_item(unsigned w) {
    bool const own = w == 0 && pinned.take();
    if (!own && !shared.take()) return false;
    if (idle.stop_searching()) wake(idle.pick_sleeper_to_wake());
    if (own) {
      shared_taken.wait();
    } else {
      shared_taken.post();
    }
    finish();
    return true;
  }

  void work(unsigned w) {
    bool searching = false;
    while (!all_finished()) {
      if (searching && run_item(w)) {
        searching = idle.try_start_searching();
        continue;
      }
      idle.announce_sleep(w, searching);
      if (!visible(w)) wake_up.at(w).wait();
      idle.end_sleep(w);
      searching = true;
    }
  }
};

/// Shut-down: a flag is set, and everybody who sleeps is woken to see it.
struct shut_down : rl::test_suite<shut_down, 3> {
  detail::basic_idle_set<relacy_atomics, 2> idle{2};
  std::array<token, 2> wake_up;
  relacy_atomics::atomic<bool> stop{false};

  void thread(unsigned index) {
    if (index > 0) return work(index - 1);
    stop.store(true, std::memory_order_relaxed);
    for (int w = 0; (w = idle.pick_any_sleeper()) >= 0;) {
      wake_up.at(static_cast<std::size_t>(w)).post();
    }
  }

  void work(unsigned w) {
    bool searching = false;
    while (!stop.load(std::memory_order_relaxed)) {
      idle.announce_sleep(w, searching);
      if (!stop.load(std::memory_order_relaxed)) wake_up.at(w).wait();
      idle.end_sleep(w);
      searching = true;
    }
  }
};

constexpr std::array models_of_idle{
    make_model<producers<counted_items, 1, 1>>("idle_one_worker", "I"),
    make_model<producers<counted_items, 1, 2>>("idle_two_workers", "I"),
    make_model<producers<counted_items, 2, 2>>("idle_two_producers", "I", 2),
    make_model<pinned_item>("idle_pinned", "I", 2),
    make_model<shut_down>("idle_shut_down", "I"),
    make_model<producers<deque_items, 1, 2>>("idle_deque", "ID", 3),
    make_model<producers<inbox_items, 1, 2>>("idle_inbox", "I", 3),
};

}  // namespace

std::span<model const> idle_models() {
  return models_of_idle;
}

}  // namespace ramie::models
