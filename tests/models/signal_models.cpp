// Models of events, call_once and waits for atomics: no signal is lost; whoever passes sees what
// was done before it; and each may go as soon as a wait has returned.
#include <array>
#include <atomic>
#include <memory>
#include <span>

#include <ramie/sync/detail/address_waits.hpp>
#include <ramie/sync/detail/event_core.hpp>
#include <ramie/sync/detail/once_core.hpp>

#include "model.hpp"
#include "relacy_waiting.hpp"

namespace ramie::models {
namespace {

using event = detail::basic_event_core<relacy_waiting>;
using once = detail::basic_once_core<relacy_waiting>;
using address_waits = detail::basic_address_waits<relacy_waiting>;

constexpr detail::steady_time never = detail::steady_time::max();

/// An event that stays set lets everybody pass.
struct event_all : rl::test_suite<event_all, 3>, waiting_threads<3> {
  event shared{false, "event"};
  plain<int> done;

  void thread(unsigned index) {
    if (index == 0) {
      done.set(1);
      shared.set_for_all();
    } else {
      RL_ASSERT(shared.wait(never) == wake::unparked);
      RL_ASSERT(done.get() == 1);
    }
  }
};

/// An auto-reset event lets one pass, and another one if the first's time has run out.
struct event_one : rl::test_suite<event_one, 3>, waiting_threads<3> {
  event shared{true, "auto_reset_event"};

  void thread(unsigned index) {
    if (index == 0) {
      shared.set_for_one();
    } else if (index == 1) {
      if (shared.wait(soon) == wake::unparked) shared.set_for_one();
    } else {
      RL_ASSERT(shared.wait(never) == wake::unparked);
    }
  }
};

struct event_destroy : rl::test_suite<event_destroy, 2>, waiting_threads<2> {
  std::unique_ptr<event> shared = std::make_unique<event>(false, "event");

  void thread(unsigned index) {
    if (index == 0) return shared->set_for_all();
    if (shared->wait(soon) != wake::unparked) RL_ASSERT(shared->wait(never) == wake::unparked);
    shared.reset();
  }
};

/// As call_once does it. The first calls, as many as `failures`, throw.
template <unsigned Threads, int Failures>
struct calls : rl::test_suite<calls<Threads, Failures>, Threads>, waiting_threads<Threads> {
  std::unique_ptr<once> shared = std::make_unique<once>();
  plain<int> made;
  guarded<int> failed;  ///< By whoever makes the call.

  void thread(unsigned /*index*/) {
    if (!shared->is_done()) {
      while (shared->begin()) {
        bool const fails = failed < Failures;
        if (fails) {
          failed = failed + 1;
        } else {
          made.set(made.get() + 1);
        }
        shared->end(!fails);
        if (!fails) break;
      }
    }
    RL_ASSERT(made.get() == 1);
  }
};

/// Waits for an atomic, as atomic_wait does, whose changes and notifications have no order of their
/// own.
template <std::size_t Threads>
struct watching : waiting_threads<Threads> {
  address_waits shared;
  relacy_atomics::atomic<int> value{0};

  void await_change(int old) {
    auto const unchanged = [&] { return value.load(std::memory_order_relaxed) == old; };
    while (unchanged()) {
      RL_ASSERT(shared.wait(&value, unchanged) == wake::unparked);
      here();
    }
  }
  void change(int to) { value.store(to, std::memory_order_relaxed); }
};

struct atomic_one : rl::test_suite<atomic_one, 2>, watching<2> {
  void thread(unsigned index) {
    if (index == 1) return await_change(0);
    change(1);
    shared.notify_one(&value);
  }
};

struct atomic_all : rl::test_suite<atomic_all, 3>, watching<3> {
  void thread(unsigned index) {
    if (index > 0) return await_change(0);
    change(1);
    shared.notify_all(&value);
  }
};

/// Somebody who waits for another atomic, in the same part of the table, is not woken in the place
/// of the right one.
struct atomic_beside : rl::test_suite<atomic_beside, 3>, watching<3> {
  relacy_atomics::atomic<int> other{0};

  void thread(unsigned index) {
    if (index == 0) {
      change(1);
      shared.notify_one(&value);
    } else if (index == 1) {
      await_change(0);
      other.store(1, std::memory_order_relaxed);
      shared.notify_one(&other);
    } else {
      auto const unchanged = [this] { return other.load(std::memory_order_relaxed) == 0; };
      while (unchanged()) RL_ASSERT(shared.wait(&other, unchanged) == wake::unparked);
    }
  }
};

constexpr std::array models_of_signals{
    make_merging_model<event_all>("event_all", ""),
    make_merging_model<event_one>("event_one", ""),
    make_merging_model<event_destroy>("event_destroy", ""),
    make_merging_model<calls<3, 0>>("call_once", "O"),
    make_merging_model<calls<2, 1>>("call_once_fails", "O"),
    make_merging_model<atomic_one>("atomic_wait_one", "A"),
    make_merging_model<atomic_all>("atomic_wait_all", "A"),
    make_merging_model<atomic_beside>("atomic_wait_beside", "A"),
};

}  // namespace

std::span<model const> signal_models() {
  return models_of_signals;
}

}  // namespace ramie::models
