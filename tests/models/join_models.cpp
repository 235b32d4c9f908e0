// Models of the join word.
//
// Thread 0 is a fiber that finishes, thread 1 holds its handle. In each: the record is freed once,
// and touched by nobody after; the joiner sees the result; the waiter is touched by nobody after
// its wait has ended. Relacy reports any use of freed memory, and records that were not freed.
#include <array>
#include <atomic>
#include <memory>
#include <ramie/sched/detail/join_word.hpp>
#include <span>

#include "model.hpp"

namespace ramie::models {
namespace {

/// What a handle and its fiber share. Plain data stands for the fiber's result and for what the
/// handle did with the record before it let go of it.
struct record {
  detail::basic_join_word<relacy_atomics> word;
  plain<int> result;
  plain<int> touched_by_handle;
};

/// A joiner's wait: claimed once, by the finisher or by a time-out.
struct alignas(8) join_waiter {
  relacy_atomics::atomic<int> claimed{0};
  plain<int> published;
  token resumed;

  bool claim() { return claimed.exchange(1, std::memory_order_acq_rel) == 0; }
};

struct shared_record : rl::nocopy<> {
  record* shared = new record;

  void free_record() {
    RL_ASSERT(shared->result.get() == 42);
    shared->touched_by_handle.get();
    delete shared;
  }

  void finish() {
    record& mine = *shared;
    mine.result.set(42);
    auto const found = mine.word.begin_finish();
    if (found.detached) return free_record();
    auto* const waiter = static_cast<join_waiter*>(found.waiter);
    if (waiter != nullptr) RL_ASSERT(waiter->published.get() == 1);
    bool const won = waiter != nullptr && waiter->claim();
    mine.word.end_finish();
    if (won) waiter->resumed.post();
  }

  void detach() {
    shared->touched_by_handle.set(1);
    if (!shared->word.detach()) free_record();
  }
};

/// join().
struct join_and_free : rl::test_suite<join_and_free, 2>, shared_record {
  void thread(unsigned index) {
    if (index == 0) return finish();
    auto waiter = std::make_unique<join_waiter>();
    waiter->published.set(1);
    if (shared->word.await(waiter.get())) waiter->resumed.wait();
    waiter.reset();
    // The finisher has resumed the joiner after its last touch.
    free_record();
  }
};

/// A join that times out, after which the handle is detached.
struct time_out_and_detach : rl::test_suite<time_out_and_detach, 2>, shared_record {
  void thread(unsigned index) {
    if (index == 0) return finish();
    if (await_and_time_out()) return detach();
    free_record();
  }

  /// True if the time-out came first.
  bool await_and_time_out() {
    auto waiter = std::make_unique<join_waiter>();
    waiter->published.set(1);
    if (!shared->word.await(waiter.get())) return false;
    if (!waiter->claim()) {
      waiter->resumed.wait();
      return false;
    }
    return shared->word.withdraw(waiter.get());
  }
};

/// A time-out, and then a second join.
struct time_out_and_join : rl::test_suite<time_out_and_join, 2>, shared_record {
  void thread(unsigned index) {
    if (index == 0) return finish();
    for (bool finished = false; !finished;) {
      auto waiter = std::make_unique<join_waiter>();
      waiter->published.set(1);
      finished = !shared->word.await(waiter.get());
      if (finished) break;
      bool const timed_out = !timed_out_once_ && waiter->claim();
      timed_out_once_ = true;
      if (timed_out) {
        finished = !shared->word.withdraw(waiter.get());
      } else {
        waiter->resumed.wait();
        finished = true;
      }
    }
    free_record();
  }

 private:
  bool timed_out_once_ = false;
};

/// detach(), or a handle that asks first whether its fiber is done.
struct detach_or_free : rl::test_suite<detach_or_free, 2>, shared_record {
  void thread(unsigned index) {
    if (index == 0) return finish();
    if (!shared->word.done()) return detach();
    free_record();
  }
};

constexpr std::array models_of_join{
    make_model<join_and_free>("join", "J"),
    make_model<time_out_and_detach>("join_time_out_detach", "J"),
    make_model<time_out_and_join>("join_time_out_join", "J"),
    make_model<detach_or_free>("join_detach", "J"),
};

}  // namespace

std::span<model const> join_models() {
  return models_of_join;
}

}  // namespace ramie::models
