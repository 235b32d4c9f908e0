// Models of the work deque.
//
// What holds in each: every pushed item is taken exactly once, its taker sees what was written
// before the push, and a slot is written anew only after the read that took its last item.
#include <array>
#include <cstdint>
#include <ramie/sched/detail/work_deque.hpp>
#include <span>

#include "deque_atomics.hpp"
#include "model.hpp"

namespace ramie::models {
namespace {

struct item {
  plain<int> payload;
  plain<int> taken;

  void take(int written) {
    RL_ASSERT(payload.get() == written);
    RL_ASSERT(taken.get() == 0);
    taken.set(1);
  }
};

template <std::uint32_t Capacity>
using deque = detail::basic_work_deque<item, deque_atomics, Capacity>;

/// One owner (thread 0) and thieves that steal once each, whose sequence of operations `Owner`
/// gives.
template <class Owner, int Thieves, std::uint32_t Capacity, int Items>
struct stealing : rl::test_suite<stealing<Owner, Thieves, Capacity, Items>, Thieves + 1> {
  deque<Capacity> queue;
  std::array<item, Items> items;
  int pushed = 0;

  stealing() { history = deque_history(Thieves + 1); }

  bool push() {
    item& next = items[static_cast<std::size_t>(pushed)];
    next.payload.set(42);
    if (!queue.push(&next)) return false;
    ++pushed;
    return true;
  }

  void take(item* taken) {
    if (taken == nullptr) return;
    history.on_take();
    taken->take(42);
  }

  void steal() {
    item* const stolen = queue.steal();
    history.on_steal_attempt();
    take(stolen);
  }

  void thread(unsigned index) {
    if (index == 0) {
      Owner::run(*this);
    } else {
      steal();
    }
  }

  void after() {
    while (item* left = queue.pop_front(true)) left->take(42);
    RL_ASSERT(queue.size() == 0);
    for (int i = 0; i < pushed; ++i) RL_ASSERT(items[static_cast<std::size_t>(i)].taken.get() == 1);
  }
};

/// Newest first, down to the last item, where owner and thieves meet.
struct lifo_owner {
  template <class Test>
  static void run(Test& test) {
    test.push();
    test.push();
    test.take(test.queue.pop_back(false));
    test.push();
    test.take(test.queue.pop_back(false));
    test.take(test.queue.pop_back(false));
  }
};

/// Oldest first: owner and thieves are at the same end all the time.
struct fifo_owner {
  template <class Test>
  static void run(Test& test) {
    test.push();
    test.push();
    test.take(test.queue.pop_front(false));
    test.push();
    test.take(test.queue.pop_back(false));
    test.take(test.queue.pop_front(false));
  }
};

/// Pushes into a full ring until the thief has made room: slots are reused.
struct pushing_owner {
  template <class Test>
  static void run(Test& test) {
    for (int i = 0; i < 4; ++i) {
      if (!test.push()) test.take(test.queue.pop_back(false));
    }
    test.take(test.queue.pop_front(false));
  }
};

constexpr std::array models_of_deque{
    make_model<stealing<lifo_owner, 2, 4, 3>>("deque_lifo", "D"),
    make_model<stealing<fifo_owner, 2, 4, 3>>("deque_fifo", "D"),
    make_model<stealing<pushing_owner, 2, 2, 4>>("deque_reuse", "D"),
};

}  // namespace

std::span<model const> deque_models() {
  return models_of_deque;
}

}  // namespace ramie::models
