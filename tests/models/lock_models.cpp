// Models of the lock of one byte: what it guards is nobody else's, and whoever takes it last may
// destroy it.
#include <array>
#include <mutex>
#include <span>

#include <ramie/sched/detail/tiny_lock.hpp>

#include "model.hpp"

namespace ramie::models {
namespace {

using lock = detail::basic_tiny_lock<relacy_atomics>;

/// Everybody counts once.
template <unsigned Threads>
struct counting : rl::test_suite<counting<Threads>, Threads> {
  lock guard;
  plain<int> count;

  void thread(unsigned /*index*/) {
    std::lock_guard const held(guard);
    count.set(count.get() + 1);
  }

  void after() { RL_ASSERT(count.get() == int{Threads}); }
};

/// Thread 1 takes the lock if it is free at that moment; either way the count is right.
struct trying : rl::test_suite<trying, 2> {
  lock guard;
  plain<int> count;
  bool got_it = false;

  void thread(unsigned index) {
    if (index == 0) {
      guard.lock();
    } else {
      got_it = guard.try_lock();
      if (!got_it) return;
    }
    count.set(count.get() + 1);
    guard.unlock();
  }

  void after() { RL_ASSERT(count.get() == (got_it ? 2 : 1)); }
};

/// The last of two to have the lock destroys it, as a waiter does with its primitive.
struct ending : rl::test_suite<ending, 2> {
  struct primitive {
    lock guard;
    plain<int> left{2};
  };
  primitive* shared = new primitive;

  void thread(unsigned /*index*/) {
    shared->guard.lock();
    int const left = shared->left.get() - 1;
    shared->left.set(left);
    shared->guard.unlock();
    if (left == 0) delete shared;
  }
};

constexpr std::array models_of_lock{
    make_model<counting<2>>("lock_two_threads", "Y"),
    make_model<counting<3>>("lock_three_threads", "Y"),
    make_model<trying>("lock_or_not", "Y"),
    make_model<ending>("lock_ends_with_its_last_holder", "Y"),
};

}  // namespace

std::span<model const> lock_models() {
  return models_of_lock;
}

}  // namespace ramie::models
