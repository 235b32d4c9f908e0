// Models of the inbox and its overflow list: nothing is dropped or delivered twice, and a taker
// sees what was written before the push. The bounded queue is one atomic step, and holds one item.
#include <array>
#include <ramie/sched/detail/inbox.hpp>
#include <span>

#include "item.hpp"
#include "model.hpp"
#include "model_queue.hpp"

namespace ramie::models {
namespace {

struct task : item {
  task* queue_next = nullptr;
};

/// Producers of two items each, and consumers, each of which takes what it finds: two batches.
template <unsigned Producers, unsigned Consumers, std::size_t Batch = 1>
struct hand_in : rl::test_suite<hand_in<Producers, Consumers, Batch>, Producers + Consumers> {
  detail::basic_inbox<task, relacy_atomics, model_queue<task, 1>, model_lock> inbox;
  std::array<task, 2 * Producers> tasks;

  void thread(unsigned index) {
    if (index >= Producers) {
      std::array<task*, Batch> batch;
      for (int i = 0; i < 2; ++i) {
        std::size_t const found = inbox.pop(batch);
        for (task* each : std::span(batch).first(found)) each->take();
      }
      return;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      task& next = tasks.at(2 * index + i);
      next.fill();
      inbox.push(&next);
    }
  }

  void after() {
    while (task* const left = inbox.pop()) left->take();
    RL_ASSERT(inbox.empty());
    for (task const& each : tasks) RL_ASSERT(each.taken.get() == 1);
  }
};

/// The overflow list of a deque: chains go in, chains come out.
struct chains : rl::test_suite<chains, 3> {
  detail::basic_overflow_list<task, relacy_atomics, model_lock> list;
  std::array<task, 4> tasks;

  void thread(unsigned index) {
    if (index == 2) return take(list.pop_front_n(2));
    task& first = tasks.at(2 * index);
    task& second = tasks.at(2 * index + 1);
    first.fill();
    second.fill();
    if (index == 0) {
      first.queue_next = &second;
      list.push_back_list(&first, &second, 2);
    } else {
      list.push_back(&first);
      list.push_back(&second);
    }
  }

  void take(decltype(list)::chain taken) {
    std::size_t found = 0;
    for (task* each = taken.first; each != nullptr; each = each->queue_next, ++found) each->take();
    RL_ASSERT(found == taken.size);
  }

  void after() {
    take(list.pop_front_n(8));
    RL_ASSERT(list.size() == 0);
    for (task const& each : tasks) RL_ASSERT(each.taken.get() == 1);
  }
};

constexpr std::array models_of_inbox{
    make_model<hand_in<1, 1>>("inbox_one_producer", ""),
    make_model<hand_in<1, 2>>("inbox_two_consumers", ""),
    make_model<hand_in<2, 1>>("inbox_two_producers", ""),
    make_model<hand_in<1, 2, 2>>("inbox_batches", ""),
    make_model<chains>("inbox_overflow_chains", ""),
};

}  // namespace

std::span<model const> inbox_models() {
  return models_of_inbox;
}

}  // namespace ramie::models
