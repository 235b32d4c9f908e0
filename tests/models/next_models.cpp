// Model of the run-next slot: each item leaves it once, by whoever takes it or pushed out by the
// next one, and its taker sees what was written before the push.
#include <array>
#include <ramie/sched/detail/next_slot.hpp>
#include <span>

#include "item.hpp"
#include "model.hpp"

namespace ramie::models {
namespace {

/// The owner pushes into an empty slot, perhaps into a full one, takes, and pushes again; two
/// others steal twice each.
struct next_slot : rl::test_suite<next_slot, 3> {
  detail::basic_next_slot<item, relacy_atomics> slot;
  std::array<item, 3> items;

  void thread(unsigned index) {
    if (index != 0) {
      for (int i = 0; i < 2; ++i) take(slot.steal());
      return;
    }
    push(items[0]);
    push(items[1]);
    take(slot.take(false));
    push(items[2]);
  }

  void push(item& next) {
    next.fill();
    take(slot.push(&next, false));
  }

  static void take(item* taken) {
    if (taken != nullptr) taken->take();
  }

  void after() {
    take(slot.take(false));
    RL_ASSERT(slot.empty());
    for (item const& each : items) RL_ASSERT(each.taken.get() == 1);
  }
};

constexpr std::array models_of_next{make_model<next_slot>("next_slot", "N")};

}  // namespace

std::span<model const> next_models() {
  return models_of_next;
}

}  // namespace ramie::models
