// Results that one provides and others wait for: promises, packaged tasks, async.
#include <chrono>
#include <exception>
#include <memory>
#include <span>
#include <utility>

#include <ramie/sync/async.hpp>
#include <ramie/sync/future.hpp>
#include <ramie/sync/packaged_task.hpp>
#include <ramie/sync/promise.hpp>

#include "scene.hpp"

namespace stress {

namespace {

/// How a result comes.
enum class ending { value, exception, none };

struct provided : std::exception {};

using result = std::unique_ptr<unsigned>;

/// What somebody saw at the other end.
ending look_at(result const& got, unsigned expected) {
  check(got && *got == expected, "a future gives what was provided");
  return ending::value;
}

/// Takes the result as get gives it. It does not look into exceptions: libstdc++ counts their
/// owners where ThreadSanitizer does not see it, which would take the end of the other owner for a
/// race.
template <class F>
ending outcome_of(F get, unsigned expected) {
  try {
    return look_at(get(), expected);
  } catch (provided const&) {
    return ending::exception;
  } catch (ramie::future_error const&) {
    return ending::none;
  }
}

/// The step waits in one of the ways of a future: it may be interrupted, and says whether it is
/// ready.
template <class Future>
bool wait_somehow(Future const& future, dice& random) {
  switch (random.below(3)) {
    case 0:
      return future.wait_for(random.soon()) == ramie::future_status::ready;
    case 1:
      return future.wait_until(std::chrono::system_clock::now() + random.soon()) ==
             ramie::future_status::ready;
    default:
      future.wait();
      return true;
  }
}

template <class Future>
void await(actor& self, Future const& future) {
  bool ready = false;
  while (!ready) {
    self.attempt("wait for a future", [&](dice& random) { ready = wait_somehow(future, random); });
  }
}

ending draw_ending(dice& random) {
  return random.one_in(4) ? ending::exception : random.one_in(4) ? ending::none : ending::value;
}

/// A promise that another one keeps or breaks; one future, or several that share.
class promises final : public scene {
 public:
  promises(dice&, unsigned) {}
  void play(actor& self, unsigned) override {
    for (unsigned i = 0; i < self.steps(); i += 4) {
      self.random.coin() ? alone(self) : shared(self);
      self.made_a_step();
    }
  }
  void check_result() override {}

 private:
  static void keep(ramie::promise<result> promise, ending how, unsigned value, dice& random) {
    briefly(random);
    bool const at_exit = random.one_in(4);
    auto const error = std::make_exception_ptr(provided());
    switch (how) {
      case ending::value: {
        auto kept = std::make_unique<unsigned>(value);
        return at_exit ? promise.set_value_at_thread_exit(std::move(kept))
                       : promise.set_value(std::move(kept));
      }
      case ending::exception:
        return at_exit ? promise.set_exception_at_thread_exit(error) : promise.set_exception(error);
      case ending::none:
        return;  // The promise goes.
    }
  }

  static void alone(actor& self) {
    ending const how = draw_ending(self.random);
    unsigned const value = self.random.below(1000);
    ramie::promise<result> promise;
    auto future = promise.get_future();
    self.together(
        1, [&](unsigned, dice& random) { keep(std::move(promise), how, value, random); },
        [&] {
          await(self, future);
          check(outcome_of([&] { return future.get(); }, value) == how, "it ends as it was ended");
          check(!future.valid(), "a result is given once");
        });
  }

  static void shared(actor& self) {
    ending const how = draw_ending(self.random);
    unsigned const value = self.random.below(1000);
    ramie::promise<result> promise;
    ramie::shared_future<result> const future = promise.get_future().share();
    auto const look = [value, how](ramie::shared_future<result> const& mine) {
      auto const get = [&]() -> result const& { return mine.get(); };
      check(outcome_of(get, value) == how, "everybody sees the same");
    };
    self.together(
        1 + self.random.below(3),
        [&](unsigned who, dice& random) {
          if (who == 0) return keep(std::move(promise), how, value, random);
          ramie::shared_future<result> const mine = future;
          while (!wait_somehow(mine, random)) continue;
          look(mine);
        },
        [&] {
          await(self, future);
          look(future);
        });
  }
};

/// Tasks that others call, and calls on fibers of their own.
class calls final : public scene {
 public:
  calls(dice&, unsigned) {}
  void play(actor& self, unsigned) override {
    for (unsigned i = 0; i < self.steps(); i += 4) {
      self.random.coin() ? task(self) : async(self);
      self.made_a_step();
    }
  }
  void check_result() override {}

 private:
  static result call(ending how, unsigned value, dice& random) {
    briefly(random);
    if (how == ending::exception) throw provided();
    return std::make_unique<unsigned>(value);
  }

  static void task(actor& self) {
    ending const how = draw_ending(self.random);
    unsigned const value = self.random.below(1000);
    dice own(self.random.seed());
    ramie::packaged_task<result()> task([&] { return call(how, value, own); });
    auto future = task.get_future();
    self.together(
        1,
        [&](unsigned, dice& random) {
          auto mine = std::move(task);
          if (how == ending::none) return;
          random.one_in(4) ? mine.make_ready_at_thread_exit() : mine();
        },
        [&] {
          await(self, future);
          check(outcome_of([&] { return future.get(); }, value) == how, "it ends as it was ended");
        });
  }

  static void async(actor& self) {
    ending const how = self.random.one_in(4) ? ending::exception : ending::value;
    unsigned const value = self.random.below(1000);
    auto const policy = self.random.one_in(4) ? ramie::launch::deferred : ramie::launch::async;
    dice own(self.random.seed());
    auto future = ramie::async(policy, [&] { return call(how, value, own); });
    if (self.random.one_in(4)) return;  // The future waits as it goes.
    if (policy == ramie::launch::async) await(self, future);
    check(outcome_of([&] { return future.get(); }, value) == how, "it ends as it was ended");
  }
};

constexpr scene_kind future_kinds[] = {
    {"promise", make_scene<promises>},
    {"packaged_task and async", make_scene<calls>},
};

}  // namespace

std::span<scene_kind const> future_scenes() noexcept {
  return future_kinds;
}

}  // namespace stress
