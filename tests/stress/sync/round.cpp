#include "round.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core.hpp"
#include "scene.hpp"

namespace stress {

namespace {

// The seed of the present round, for messages.
std::atomic<std::uint64_t> present_seed{0};

[[noreturn]] void fail(char const* how, char const* what) noexcept {
  std::fprintf(stderr, "%s: %s; repeat with --seed %llu --rounds 1\n", how, what,
               static_cast<unsigned long long>(present_seed.load(std::memory_order_relaxed)));
  std::abort();
}

std::vector<scene_kind> all_kinds() {
  std::vector<scene_kind> all;
  for (auto const part : {lock_scenes(), condition_scenes(), token_scenes(), meeting_scenes(),
                          future_scenes(), channel_scenes()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

/// Scenes that are played at once. Short, because an end is where a wake-up that was lost is
/// missed: before, the next one may do.
class act {
 public:
  struct cast {
    std::unique_ptr<scene> plays;
    std::vector<std::unique_ptr<actor>> actors{};
  };

  act(dice& random, std::vector<std::unique_ptr<ramie::runtime>> const& runtimes);
  void play();

  /// All steps that were made.
  std::uint64_t made() const noexcept;
  void say_state() const;

 private:
  void play_part(scene& plays, actor& self, unsigned number) noexcept;

  std::vector<cast> casts_;
};

act::act(dice& random, std::vector<std::unique_ptr<ramie::runtime>> const& runtimes) {
  static std::vector<scene_kind> const kinds = all_kinds();
  for (unsigned i = 0, count = 1 + random.below(4); i < count; ++i) {
    scene_kind const& kind = kinds[random.below(static_cast<unsigned>(kinds.size()))];
    unsigned const actors = 2 + random.below(7);
    unsigned const steps = random.one_in(4) ? 10 + random.below(100) : 1 + random.below(8);
    unsigned const thread_share = 1 + random.below(6);
    casts_.push_back({kind.make(random, actors)});
    for (unsigned who = 0; who < actors; ++who) {
      auto& home = *runtimes[random.below(static_cast<unsigned>(runtimes.size()))];
      casts_.back().actors.push_back(
          std::make_unique<actor>(kind.name + ("/" + std::to_string(who)),
                                  random.one_in(thread_share), home, random.seed(), steps));
    }
  }
}

void act::play_part(scene& plays, actor& self, unsigned number) noexcept {
  try {
    plays.play(self, number);
    self.begins("has ended");
  } catch (std::exception const& error) {
    std::string const what = self.name() + " threw " + error.what();
    fail("WRONG", what.c_str());
  } catch (ramie::cancelled const&) {
    fail("WRONG", "cancelled, which nobody asked for");
  }
}

void act::play() {
  std::vector<ramie::join_handle<void>> fibers;
  std::vector<std::thread> threads;
  for (auto& each : casts_) {
    unsigned number = 0;
    for (auto& one : each.actors) {
      auto const part = [this, &plays = *each.plays, &self = *one, number] {
        play_part(plays, self, number);
      };
      ++number;
      if (one->on_thread()) {
        threads.emplace_back(part);
      } else {
        fibers.push_back(one->home().spawn(ramie::fiber_options{.name = one->name()}, part));
      }
    }
  }
  for (auto& fiber : fibers) fiber.join();
  for (auto& thread : threads) thread.join();
  for (auto& each : casts_) each.plays->check_result();
}

std::uint64_t act::made() const noexcept {
  std::uint64_t sum = 0;
  for (auto const& each : casts_) {
    for (auto const& one : each.actors) sum += one->made();
  }
  return sum;
}

void act::say_state() const {
  for (auto const& each : casts_) {
    for (auto const& one : each.actors) {
      std::fprintf(stderr, "  %s, %s: %s after %llu steps\n", one->name().c_str(),
                   one->on_thread() ? "a thread" : "a fiber", one->doing(),
                   static_cast<unsigned long long>(one->made()));
    }
  }
}

/// A few runtimes, and acts one after another.
class round {
 public:
  explicit round(std::uint64_t seed);
  void play();

  /// For the watchdog, from any thread.
  std::uint64_t made() const;
  void say_state() const;

 private:
  static constexpr unsigned acts = 16;

  dice random_;
  std::vector<std::unique_ptr<ramie::runtime>> runtimes_;
  mutable std::mutex mutex_;
  std::unique_ptr<act> present_;   // set under mutex_, by the player
  std::uint64_t made_before_ = 0;  // guarded by mutex_
};

round::round(std::uint64_t seed) : random_(seed) {
  std::string workers;
  for (unsigned i = 0, count = 1 + random_.below(2); i < count; ++i) {
    unsigned const those = 1 + random_.below(random_.coin() ? 2 : 6);
    runtimes_.push_back(std::make_unique<ramie::runtime>(
        ramie::runtime_options{.workers = those, .seed = random_.seed() | 1}));
    workers += (workers.empty() ? "" : " + ") + std::to_string(those);
  }
  std::printf("seed %llu: %s workers\n", static_cast<unsigned long long>(seed), workers.c_str());
  std::fflush(stdout);
}

void round::play() {
  for (unsigned i = 0; i < acts; ++i) {
    auto next = std::make_unique<act>(random_, runtimes_);
    {
      std::lock_guard const lock(mutex_);
      if (present_) made_before_ += present_->made();
      present_ = std::move(next);
    }
    present_->play();
  }
}

std::uint64_t round::made() const {
  std::lock_guard const lock(mutex_);
  return made_before_ + (present_ ? present_->made() : 0);
}

void round::say_state() const {
  std::lock_guard const lock(mutex_);
  if (present_) present_->say_state();
  for (auto const& one : runtimes_) {
    ramie::runtime_metrics const seen = one->metrics();
    std::fprintf(stderr, "  runtime: %u workers, %u started, %u asleep; %llu fibers, %llu queued\n",
                 seen.workers, seen.workers_started, seen.workers_sleeping,
                 static_cast<unsigned long long>(seen.live_fibers),
                 static_cast<unsigned long long>(seen.queued));
    for (auto const& fiber : ramie::detail::runtime_access::core_of(*one).unfinished()) {
      std::fprintf(stderr, "    fiber %llu %s: %s %s\n", static_cast<unsigned long long>(fiber.id),
                   fiber.name.c_str(), fiber.state.c_str(), fiber.waits_for.c_str());
    }
  }
}

/// Looks whether the round goes on, on a thread of its own.
class watchdog {
 public:
  watchdog(round const& watched, std::chrono::seconds patience)
      : watched_(watched),
        patience_(patience),
        thread_([this](std::stop_token end) { watch(end); }) {}

 private:
  void watch(std::stop_token end) {
    std::uint64_t made = watched_.made();
    std::unique_lock lock(mutex_);
    for (;;) {
      ended_.wait_for(lock, end, patience_, [] { return false; });
      if (end.stop_requested()) return;
      if (watched_.made() == made) {
        watched_.say_state();
        fail("STUCK", "nobody makes a step any more");
      }
      made = watched_.made();
    }
  }

  round const& watched_;
  std::chrono::seconds const patience_;
  std::mutex mutex_;
  std::condition_variable_any ended_;
  std::jthread thread_;  // the last: it uses the others
};

}  // namespace

void check(bool holds, char const* what) noexcept {
  if (!holds) fail("WRONG", what);
}

void play_round(std::uint64_t seed, std::chrono::seconds patience) {
  present_seed.store(seed, std::memory_order_relaxed);
  round here(seed);
  watchdog const watching(here, patience);
  here.play();
}

}  // namespace stress
