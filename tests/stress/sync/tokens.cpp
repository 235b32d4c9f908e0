// What lets a number of users pass at once: semaphores, an event that resets itself, an atomic that
// is waited for.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ramie/sync/atomic_wait.hpp>
#include <ramie/sync/auto_reset_event.hpp>
#include <ramie/sync/select.hpp>
#include <ramie/sync/semaphore.hpp>

#include "scene.hpp"

namespace stress {

namespace {

/// Tokens: take(dice), true if it got one; take_another(), which does not wait; give(how many);
/// all(), how many there are. No more than that hold one at a time, and every wait for one ends.
template <class Tokens>
class users final : public scene {
 public:
  users(dice& random, unsigned) : tokens_(random) {}

  void play(actor& self, unsigned) override {
    for (unsigned i = 0; i < self.steps(); ++i) {
      self.attempt("wait for a token", [this](dice& random) { use(random); });
      self.made_a_step();
    }
  }
  void check_result() override {
    for (std::ptrdiff_t i = 0; i < tokens_.all(); ++i) {
      check(tokens_.take_another(), "every token has come back");
    }
    check(!tokens_.take_another(), "and no other");
    check(tokens_.all() != 1 || alone_ == changes_.load(std::memory_order_relaxed),
          "one holds the one token at a time");
  }

 private:
  void use(dice& random) {
    if (!tokens_.take(random)) return;
    struct holder {
      users& owner;
      std::ptrdiff_t held = 1;
      ~holder() { owner.give(held); }
    } mine{*this};
    check_share(1);
    while (random.one_in(4) && tokens_.take_another()) {
      ++mine.held;
      check_share(1);
    }
    std::uint64_t const before = tokens_.all() == 1 ? alone_ : 0;
    briefly(random);
    if (tokens_.all() == 1) alone_ = before + 1;
    changes_.fetch_add(1, std::memory_order_relaxed);
  }
  void check_share(std::ptrdiff_t taken) {
    auto const others = held_.fetch_add(taken, std::memory_order_relaxed);
    check(others + taken <= tokens_.all(), "no more hold tokens than there are");
  }
  void give(std::ptrdiff_t count) {
    held_.fetch_sub(count, std::memory_order_relaxed);
    tokens_.give(count);
  }

  Tokens tokens_;
  std::atomic<std::ptrdiff_t> held_{0};    // relaxed: the tokens order what is done with them
  std::atomic<std::uint64_t> changes_{0};  // relaxed: read when all have ended
  std::uint64_t alone_ = 0;                // guarded by the token, if there is one
};

template <class Semaphore>
class semaphore_tokens {
 public:
  explicit semaphore_tokens(dice& random)
      : all_(Semaphore::max() == 1 ? 1 : 1 + random.below(3)), semaphore_(all_) {}

  std::ptrdiff_t all() const noexcept { return all_; }
  bool take(dice& random) {
    switch (random.below(4)) {
      case 0:
        return semaphore_.try_acquire_for(random.soon());
      case 1:
        return semaphore_.try_acquire_until(std::chrono::system_clock::now() + random.soon());
      default:
        semaphore_.acquire();
        return true;
    }
  }
  bool take_another() noexcept { return semaphore_.try_acquire(); }
  void give(std::ptrdiff_t count) { semaphore_.release(count); }

 private:
  std::ptrdiff_t const all_;
  Semaphore semaphore_;
};

/// The event is set while the token is there.
class event_token {
 public:
  explicit event_token(dice&) { event_.set(); }

  static constexpr std::ptrdiff_t all() noexcept { return 1; }
  bool take(dice& random) {
    switch (random.below(4)) {
      case 0:
        return event_.wait_for(random.soon());
      case 1:
        return ramie::select(ramie::on_event(event_, nothing),
                             ramie::after(random.soon(), nothing)) == 0;
      case 2:
        ramie::select(ramie::on_event(event_, nothing), ramie::on_event(event_, nothing));
        return true;
      default:
        event_.wait();
        return true;
    }
  }
  bool take_another() { return event_.wait_for(std::chrono::seconds(0)); }
  void give(std::ptrdiff_t) noexcept { event_.set(); }

 private:
  ramie::auto_reset_event event_;
};

/// The atomic is 0 while the token is there.
class atomic_token {
 public:
  explicit atomic_token(dice&) {}

  static constexpr std::ptrdiff_t all() noexcept { return 1; }
  bool take(dice&) {
    while (!take_another()) ramie::atomic_wait(&taken_, 1);
    return true;
  }
  bool take_another() noexcept { return taken_.exchange(1, std::memory_order_acquire) == 0; }
  void give(std::ptrdiff_t) noexcept {
    taken_.store(0, std::memory_order_release);
    ramie::atomic_notify_one(&taken_);
  }

 private:
  std::atomic<int> taken_{0};  // acquire and release: the token orders what is done with it
};

/// The flag is clear while the token is there.
class flag_token {
 public:
  explicit flag_token(dice&) {}

  static constexpr std::ptrdiff_t all() noexcept { return 1; }
  bool take(dice&) {
    while (!take_another()) ramie::atomic_wait(&taken_, true);
    return true;
  }
  bool take_another() noexcept { return !taken_.test_and_set(std::memory_order_acquire); }
  void give(std::ptrdiff_t) noexcept {
    taken_.clear(std::memory_order_release);
    ramie::atomic_notify_one(&taken_);
  }

 private:
  std::atomic_flag taken_;  // acquire and release: as atomic_token's
};

constexpr scene_kind token_kinds[] = {
    {"counting_semaphore", make_scene<users<semaphore_tokens<ramie::counting_semaphore<>>>>},
    {"binary_semaphore", make_scene<users<semaphore_tokens<ramie::binary_semaphore>>>},
    {"auto_reset_event", make_scene<users<event_token>>},
    {"atomic_wait", make_scene<users<atomic_token>>},
    {"atomic_wait of a flag", make_scene<users<flag_token>>},
};

}  // namespace

std::span<scene_kind const> token_scenes() noexcept {
  return token_kinds;
}

}  // namespace stress
