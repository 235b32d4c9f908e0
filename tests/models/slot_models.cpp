// Models of the descriptor slot: readiness is never lost, a waiter that has left is never touched,
// closing wakes, and a stale event does not reach the next owner of a number.
//
// The kernel's side is an atomic count with relaxed operations: all that makes a reader see data is
// the slot. The poller's lock is a lock of the model.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <ramie/io/detail/descriptor_slot.hpp>
#include <span>

#include "model.hpp"

namespace ramie::models {
namespace {

struct alignas(8) io_waiter {
  relacy_atomics::atomic<int> claimed{0};
  plain<int> published;
  token resumed;

  bool claim() { return claimed.exchange(1, std::memory_order_acq_rel) == 0; }
};

struct descriptor {
  detail::basic_descriptor_slot<relacy_atomics> slot;
  relacy_atomics::atomic<int> data{0};
  model_lock poller;

  /// Data arrives, and the poller, under its lock, tells of it.
  void arrive(std::uint64_t generation) {
    data.fetch_add(1, std::memory_order_relaxed);
    event(generation);
  }

  void event(std::uint64_t generation) {
    poller.lock();
    void* const found = slot.signal(generation);
    end_wait_and_unlock(found);
  }

  void close() {
    poller.lock();
    void* const found = slot.close();
    end_wait_and_unlock(found);
  }

  void end_wait_and_unlock(void* found) {
    auto* const waiter = static_cast<io_waiter*>(found);
    if (waiter != nullptr) RL_ASSERT(waiter->published.get() == 1);
    bool const won = waiter != nullptr && waiter->claim();
    poller.unlock();
    if (won) waiter->resumed.post();
  }

  bool readable(int wanted) const { return data.load(std::memory_order_relaxed) >= wanted; }

  /// Waits until `wanted` units of data are there, like a read that parks; false if it was closed.
  bool read(int wanted) {
    while (!readable(wanted)) {
      auto waiter = std::make_unique<io_waiter>();
      waiter->published.set(1);
      detail::arm_result const result = slot.arm(waiter.get());
      RL_ASSERT(result != detail::arm_result::busy);
      if (result == detail::arm_result::closed) return false;
      if (result == detail::arm_result::armed) {
        waiter->resumed.wait();
        slot.consume();
      }
    }
    return true;
  }

  /// The same, but it times out if it has to wait; then, and when it loses the race, it leaves.
  void read_with_time_out() {
    auto waiter = std::make_unique<io_waiter>();
    waiter->published.set(1);
    if (slot.arm(waiter.get()) != detail::arm_result::armed) return;
    if (!waiter->claim()) {
      waiter->resumed.wait();
      slot.consume();
    } else if (!slot.disarm(waiter.get())) {
      poller.lock();  // whoever took the waiter out has done with it
      poller.unlock();
    }
  }
};

/// Data comes twice, edge-triggered: a reader that overlooked either would sleep for ever.
struct readiness : rl::test_suite<readiness, 2>, descriptor {
  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(read(1));
      RL_ASSERT(read(2));
    } else {
      arrive(0);
      arrive(0);
    }
  }
};

/// A wait with a time-out, and a wait after it.
struct time_out : rl::test_suite<time_out, 2>, descriptor {
  void thread(unsigned index) {
    if (index == 1) return arrive(0);
    if (!readable(1)) read_with_time_out();
    RL_ASSERT(read(1));
  }
};

/// Data and closing race.
struct closing : rl::test_suite<closing, 3>, descriptor {
  void thread(unsigned index) {
    if (index == 0) {
      while (read(1) && !readable(2)) {
        if (!read(2)) break;
      }
      RL_ASSERT(slot.arm(this) == detail::arm_result::closed || readable(2));
    } else if (index == 1) {
      arrive(0);
    } else {
      close();
    }
  }
};

/// A late event of the first generation, while the number is closed and opened anew.
struct reuse : rl::test_suite<reuse, 2>, descriptor {
  void thread(unsigned index) {
    if (index == 1) return event(0);
    close();
    poller.lock();
    std::uint64_t const generation = slot.reset();
    poller.unlock();
    RL_ASSERT(generation == 1);
    io_waiter waiter;
    waiter.published.set(1);
    RL_ASSERT(slot.arm(&waiter) == detail::arm_result::armed);
    RL_ASSERT(slot.disarm(&waiter));
  }
};

constexpr std::array models_of_slot{
    make_model<readiness>("slot_readiness", "S"),
    make_model<time_out>("slot_time_out", "S"),
    make_model<closing>("slot_closing", "S"),
    make_model<reuse>("slot_reuse", "S"),
};

}  // namespace

std::span<model const> slot_models() {
  return models_of_slot;
}

}  // namespace ramie::models
