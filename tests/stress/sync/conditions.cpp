// Both condition variables: whoever waits for something is told when it is there.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <stop_token>
#include <type_traits>

#include <ramie/sync/condition_variable.hpp>
#include <ramie/sync/condition_variable_any.hpp>
#include <ramie/sync/mutex.hpp>
#include <ramie/sync/recursive_mutex.hpp>
#include <ramie/sync/shared_timed_mutex.hpp>
#include <ramie/sync/timed_mutex.hpp>

#include "scene.hpp"

namespace stress {

namespace {

/// A pool of a few tokens: each is taken, and comes back. A notification that is lost leaves
/// somebody waiting beside a token.
template <class Condition, class Mutex>
class pool final : public scene {
  using lock = std::unique_lock<Mutex>;
  static constexpr bool stoppable = std::is_same_v<Condition, ramie::condition_variable_any>;

 public:
  pool(dice& random, unsigned) : tokens_(1 + random.below(2)), all_(tokens_) {}

  void play(actor& self, unsigned) override {
    for (unsigned i = 0; i < self.steps(); ++i) {
      self.attempt("wait for a token", [&](dice& random) { borrow(self, random); });
      self.made_a_step();
    }
  }
  void check_result() override { check(tokens_ == all_, "every token comes back, and no other"); }

 private:
  void borrow(actor& self, dice& random) {
    if (!take(self, random)) return;
    struct giver {
      pool& owner;
      dice& random;
      ~giver() { owner.give(random); }
    } const give_back{*this, random};
    briefly(random);
  }

  bool take(actor& self, dice& random) {
    auto const there = [this] { return tokens_ != 0; };
    ramie::join_handle<void> stopper;
    std::stop_source stop;
    bool const by_token = stoppable && random.one_in(4);
    if (by_token) {
      stopper = self.home().spawn([stop, own = dice(random.seed())]() mutable {
        briefly(own);
        stop.request_stop();
      });
    }
    lock held(mutex_);
    bool got = false;
    if constexpr (stoppable) {
      if (by_token) {
        got = random.coin() ? changed_.wait(held, stop.get_token(), there)
                            : changed_.wait_for(held, stop.get_token(), random.soon(), there);
      }
    }
    if (!by_token) got = wait_somehow(held, random, there);
    check(held.owns_lock(), "the lock is held after a wait");
    if (got) --tokens_;
    return got;
  }

  template <class Predicate>
  bool wait_somehow(lock& held, dice& random, Predicate there) {
    switch (random.below(4)) {
      case 0:
        return changed_.wait_for(held, random.soon(), there);
      case 1:
        return changed_.wait_until(held, std::chrono::system_clock::now() + random.soon(), there);
      case 2:
        if (!there()) changed_.wait_for(held, random.soon());
        return there();
      default:
        changed_.wait(held, there);
        return true;
    }
  }

  void give(dice& random) {
    bool const under_lock = random.coin();
    {
      lock const held(mutex_);
      ++tokens_;
      if (under_lock) notify(random);
    }
    if (!under_lock) notify(random);
  }
  void notify(dice& random) { random.one_in(4) ? changed_.notify_all() : changed_.notify_one(); }

  Mutex mutex_;
  Condition changed_;
  unsigned tokens_;  // guarded by mutex_
  unsigned const all_;
};

constexpr scene_kind condition_kinds[] = {
    {"condition_variable", make_scene<pool<ramie::condition_variable, ramie::mutex>>},
    {"condition_variable_any", make_scene<pool<ramie::condition_variable_any, ramie::mutex>>},
    {"condition_variable_any of timed_mutex",
     make_scene<pool<ramie::condition_variable_any, ramie::timed_mutex>>},
    {"condition_variable_any of recursive_mutex",
     make_scene<pool<ramie::condition_variable_any, ramie::recursive_mutex>>},
    {"condition_variable_any of shared_timed_mutex",
     make_scene<pool<ramie::condition_variable_any, ramie::shared_timed_mutex>>},
};

}  // namespace

std::span<scene_kind const> condition_scenes() noexcept {
  return condition_kinds;
}

}  // namespace stress
