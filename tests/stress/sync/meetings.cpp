// Where several meet, and what those after see of what was done before: latch, barrier, call_once,
// wait_group, event, the end of one. Each is made anew for a few who use it once.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <ramie/sync/barrier.hpp>
#include <ramie/sync/call_once.hpp>
#include <ramie/sync/condition_variable.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/latch.hpp>
#include <ramie/sync/mutex.hpp>
#include <ramie/sync/select.hpp>
#include <ramie/sync/wait_group.hpp>

#include "scene.hpp"

namespace stress {

namespace {

/// Calls wait(), by times within deadlines that end it, until it has returned.
template <class F>
void wait_in_the_end(dice& random, F wait) {
  while (random.coin()) {
    try {
      ramie::deadline_scope const limit(random.soon());
      return wait();
    } catch (ramie::timed_out const&) {
      // Once more.
    }
  }
  wait();
}

/// What each leaves for the others: no atomics, so the meeting has to order it.
class notes {
 public:
  explicit notes(unsigned count) : left_(count) {}
  void leave(unsigned who) { left_[who] = true; }
  void check_all() const {
    check(std::all_of(left_.begin(), left_.end(), [](char one) { return one; }),
          "what was done before the meeting is seen after it");
  }

 private:
  std::vector<char> left_;
};

/// One meeting after another, each of which stands for so many of an actor's steps.
class repeated_meeting : public scene {
 public:
  void play(actor& self, unsigned) final {
    for (unsigned i = 0; i < self.steps(); i += steps_) {
      self.begins(what_);
      meet(self);
      self.made_a_step();
    }
  }
  void check_result() final {}

 protected:
  explicit repeated_meeting(char const* what, unsigned steps = 8) : what_(what), steps_(steps) {}

 private:
  virtual void meet(actor& self) = 0;

  char const* const what_;
  unsigned const steps_;
};

/// Some count down and go; whoever waits may destroy what they counted down.
template <class Counter>
class countdown final : public repeated_meeting {
 public:
  countdown(dice&, unsigned) : repeated_meeting("meet at a count") {}

 private:
  void meet(actor& self) override {
    unsigned const count = 1 + self.random.below(4);
    notes left(count);
    std::optional<Counter> counter(std::in_place, count);
    Counter& bare = *counter;
    self.together(
        count,
        [&](unsigned who, dice& random) {
          briefly(random);
          left.leave(who);
          bare.arrive();
        },
        [&] {
          wait_in_the_end(self.random, [&] { bare.wait(self.random); });
          left.check_all();
          counter.reset();
        });
  }
};

class latch_counter {
 public:
  explicit latch_counter(unsigned count) : latch_(static_cast<std::ptrdiff_t>(count)) {}
  void arrive() { latch_.count_down(); }
  void wait(dice& random) {
    while (random.coin()) {
      if (latch_.try_wait()) return;
      ramie::this_fiber::yield();
    }
    latch_.wait();
  }

 private:
  ramie::latch latch_;
};

class group_counter {
 public:
  explicit group_counter(unsigned count) { group_.add(static_cast<std::ptrdiff_t>(count)); }
  void arrive() { group_.done(); }
  void wait(dice&) { group_.wait(); }

 private:
  ramie::wait_group group_;
};

/// Everybody arrives and waits.
class latch_for_all final : public repeated_meeting {
 public:
  latch_for_all(dice&, unsigned) : repeated_meeting("meet at a latch") {}

 private:
  void meet(actor& self) override {
    unsigned const count = 1 + self.random.below(4);
    notes left(count + 1);
    ramie::latch latch(static_cast<std::ptrdiff_t>(count) + 1);
    auto const arrive = [&](unsigned who, dice& random) {
      briefly(random);
      left.leave(who);
      latch.arrive_and_wait();
      left.check_all();
    };
    self.together(count, arrive, [&] { arrive(count, self.random); });
  }
};

/// One sets it for all others, who wait in several ways.
class event_for_all final : public repeated_meeting {
 public:
  event_for_all(dice&, unsigned) : repeated_meeting("set an event") {}

 private:
  void meet(actor& self) override {
    notes left(1);
    ramie::event event;
    self.together(
        1 + self.random.below(4),
        [&](unsigned, dice& random) {
          wait_in_the_end(random, [&] { wait(event, random); });
          left.check_all();
        },
        [&] {
          briefly(self.random);
          left.leave(0);
          event.set();
        });
    event.reset();
    check(!event.wait_for(std::chrono::seconds(0)), "a reset event is not set");
  }

  static void wait(ramie::event& event, dice& random) {
    switch (random.below(3)) {
      case 0:
        while (!event.wait_for(random.soon())) continue;
        return;
      case 1:
        while (ramie::select(ramie::on_event(event, nothing),
                             ramie::after(random.soon(), nothing)) != 0) {
          continue;
        }
        return;
      default:
        return event.wait();
    }
  }
};

/// One ends, which the others are told.
class end_for_all final : public repeated_meeting {
 public:
  end_for_all(dice&, unsigned) : repeated_meeting("wait for an end") {}

 private:
  void meet(actor& self) override {
    notes left(1);
    ramie::mutex mutex;
    ramie::condition_variable changed;
    bool ended = false;  // guarded by mutex
    auto const wait = [&](dice& random) {
      wait_in_the_end(random, [&] {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ended; });
      });
      left.check_all();
    };
    self.together(
        1 + self.random.below(4),
        [&](unsigned who, dice& random) {
          briefly(random);
          if (who != 0) return wait(random);
          std::unique_lock lock(mutex);
          left.leave(0);
          ended = true;
          ramie::notify_all_at_thread_exit(changed, std::move(lock));
        },
        [&] { wait(self.random); });
  }
};

/// Several phases; some leave early.
class barrier_phases final : public repeated_meeting {
 public:
  barrier_phases(dice&, unsigned) : repeated_meeting("meet at a barrier", 16) {}

 private:
  void meet(actor& self) override {
    unsigned const count = 1 + self.random.below(4);
    constexpr unsigned phases = 5;
    std::vector<unsigned> reached(count);
    std::vector<char> left(count);
    unsigned completed = 0;
    auto const complete = [&]() noexcept {
      ++completed;
      for (unsigned who = 0; who < count; ++who) {
        check(reached[who] == completed || (left[who] && reached[who] < completed),
              "a phase ends when all have arrived, once");
      }
    };
    ramie::barrier barrier(static_cast<std::ptrdiff_t>(count), complete);
    auto const take_part = [&](unsigned who, dice& random) {
      for (unsigned phase = 1; phase <= phases; ++phase) {
        briefly(random);
        reached[who] = phase;
        if (random.one_in(8)) {
          left[who] = true;
          return barrier.arrive_and_drop();
        }
        if (random.coin()) {
          barrier.arrive_and_wait();
        } else {
          auto arrival = barrier.arrive();
          wait_in_the_end(random, [&] { barrier.wait(std::move(arrival)); });
        }
        check(completed == phase, "nobody goes on before the phase has ended");
      }
    };
    self.together(count, take_part, nothing);
  }
};

/// One of several calls succeeds; those before may fail.
class call_once_of_many final : public repeated_meeting {
 public:
  call_once_of_many(dice&, unsigned) : repeated_meeting("call once") {}

 private:
  struct refused : std::exception {};

  void meet(actor& self) override {
    ramie::once_flag flag;
    unsigned calls = 0;
    bool made = false;
    self.together(
        1 + self.random.below(4),
        [&](unsigned, dice& random) {
          for (bool called = false; !called;) {
            try {
              ramie::call_once(flag, [&] {
                ++calls;
                check(!made, "a call that was made is not made again");
                briefly(random);
                if (random.one_in(3)) throw refused();
                made = true;
              });
              called = true;
            } catch (refused const&) {
              // Its turn goes to another.
            }
          }
          check(made, "it has been called when call_once returns");
        },
        nothing);
    check(calls != 0, "somebody has called it");
  }
};

constexpr scene_kind meeting_kinds[] = {
    {"latch, counted down", make_scene<countdown<latch_counter>>},
    {"wait_group", make_scene<countdown<group_counter>>},
    {"latch, arrived at", make_scene<latch_for_all>},
    {"event", make_scene<event_for_all>},
    {"notify_all_at_thread_exit", make_scene<end_for_all>},
    {"barrier", make_scene<barrier_phases>},
    {"call_once", make_scene<call_once_of_many>},
};

}  // namespace

std::span<scene_kind const> meeting_scenes() noexcept {
  return meeting_kinds;
}

}  // namespace stress
