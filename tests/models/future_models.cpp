// Models of what a promise shares with its futures: whoever waits sees the result, of which there
// is one; and the last to leave frees what they shared, after all the others.
#include <array>
#include <cstddef>
#include <span>

#include <ramie/sync/detail/future_core.hpp>

#include "model.hpp"
#include "relacy_waiting.hpp"

namespace ramie::models {
namespace {

constexpr detail::steady_time never = detail::steady_time::max();

/// Threads that own a state each.
template <std::size_t Threads>
struct sharing : waiting_threads<Threads> {
  struct state {
    detail::basic_future_core<relacy_waiting> core;
    plain<int> value;
    std::array<plain<int>, Threads> used;  ///< By each thread, before it leaves.
  };
  state* shared = new state;

  sharing() {
    for (std::size_t i = 1; i < Threads; ++i) shared->core.keep();
    memory.tell_all();
  }

  bool provide(int value) {
    if (!shared->core.claim()) return false;
    shared->value.set(value);
    shared->core.make_ready();
    return true;
  }

  /// Nothing: the time ran out.
  int get(detail::steady_time deadline = never) {
    if (shared->core.wait(deadline) != wake::unparked) return 0;
    return shared->value.get();
  }

  void leave() {
    shared->used.at(rl::thread_index()).set(1);
    if (!shared->core.release()) return;
    for (auto const& each : shared->used) RL_ASSERT(each.get() == 1);
    delete shared;
  }
};

/// A promise and two futures, one of which does not wait for long.
struct result : rl::test_suite<result, 3>, sharing<3> {
  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(provide(42));
    } else if (index == 1) {
      RL_ASSERT(get() == 42);
    } else {
      int const got = get(soon);
      RL_ASSERT(got == 42 || got == 0);
    }
    leave();
  }
};

/// Two that could provide the result: the value of the first one can't be made, so it unclaims, and
/// breaks its promise.
struct second_provider : rl::test_suite<second_provider, 3>, sharing<3> {
  void thread(unsigned index) {
    if (index == 0) {
      if (shared->core.claim()) {
        shared->value.set(1);
        shared->value.set(0);
        shared->core.unclaim();
      }
      here();
      provide(-1);
    } else if (index == 1) {
      provide(42);
    } else {
      int const got = get();
      RL_ASSERT(got == 42 || got == -1);
    }
    here();
    leave();
  }
};

constexpr std::array models_of_future{
    make_merging_model<result>("future_result", "F"),
    make_merging_model<second_provider>("future_second_provider", "F"),
};

}  // namespace

std::span<model const> future_models() {
  return models_of_future;
}

}  // namespace ramie::models
