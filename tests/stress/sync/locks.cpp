// The six mutexes: what one guards is changed by one at a time.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <type_traits>

#include <ramie/sync/mutex.hpp>
#include <ramie/sync/recursive_mutex.hpp>
#include <ramie/sync/recursive_timed_mutex.hpp>
#include <ramie/sync/shared_mutex.hpp>
#include <ramie/sync/shared_timed_mutex.hpp>
#include <ramie/sync/timed_mutex.hpp>

#include "scene.hpp"

namespace stress {

namespace {

template <class Mutex>
concept timed = requires(Mutex& mutex) {
  mutex.try_lock_for(std::chrono::seconds(1));
};
template <class Mutex>
concept shared = requires(Mutex& mutex) {
  mutex.lock_shared();
};
template <class Mutex>
concept recursive = std::is_same_v<Mutex, ramie::recursive_mutex> ||
    std::is_same_v<Mutex, ramie::recursive_timed_mutex>;

/// The mutex locked in one of the ways that it has; perhaps not at all.
template <template <class> class Lock, class Mutex>
Lock<Mutex> lock_somehow(Mutex& mutex, dice& random) {
  if constexpr (timed<Mutex>) {
    switch (random.below(4)) {
      case 0:
        return Lock<Mutex>(mutex, random.soon());
      case 1:
        return Lock<Mutex>(mutex, std::chrono::system_clock::now() + random.soon());
      default:
        break;
    }
  }
  return random.one_in(4) ? Lock<Mutex>(mutex, std::try_to_lock) : Lock<Mutex>(mutex);
}

/// What a mutex guards: a count that a change by two at once would spoil.
class guarded_count {
 public:
  void change(dice& random) {
    std::uint64_t const before = count_;
    briefly(random);
    count_ = before + 1;
    changes_.fetch_add(1, std::memory_order_relaxed);
  }
  void look(dice& random) const {
    std::uint64_t const before = count_;
    briefly(random);
    check(count_ == before, "nobody writes while others read");
  }
  void check_result() const {
    check(count_ == changes_.load(std::memory_order_relaxed), "no change is lost");
  }

 private:
  std::uint64_t count_ = 0;
  std::atomic<std::uint64_t> changes_{0};  // relaxed: read when all have ended
};

template <class Mutex>
class one_mutex final : public scene {
 public:
  one_mutex(dice&, unsigned) {}

  void play(actor& self, unsigned) override {
    for (unsigned i = 0; i < self.steps(); ++i) {
      self.attempt("lock", [this](dice& random) { use(random); });
      self.made_a_step();
    }
  }
  void check_result() override {
    check(mutex_.try_lock(), "nobody has kept the lock");
    mutex_.unlock();
    count_.check_result();
  }

 private:
  void use(dice& random) {
    if constexpr (shared<Mutex>) {
      if (random.coin()) {
        if (auto const lock = lock_somehow<std::shared_lock>(mutex_, random)) count_.look(random);
        return;
      }
    }
    auto const lock = lock_somehow<std::unique_lock>(mutex_, random);
    if (!lock) return;
    count_.change(random);
    if constexpr (recursive<Mutex>) {
      if (random.coin()) use(random);
    }
  }

  Mutex mutex_;
  guarded_count count_;
};

/// Philosophers: two of a few mutexes at once, in any order.
class several_mutexes final : public scene {
 public:
  several_mutexes(dice&, unsigned) {}

  void play(actor& self, unsigned) override {
    for (unsigned i = 0; i < self.steps(); ++i) {
      self.attempt("lock two", [this](dice& random) {
        std::size_t const first = random.below(forks);
        std::size_t const second = (first + 1 + random.below(forks - 1)) % forks;
        std::scoped_lock const both(mutexes_[first], mutexes_[second]);
        counts_[first].change(random);
        counts_[second].change(random);
      });
      self.made_a_step();
    }
  }
  void check_result() override {
    for (auto const& one : counts_) one.check_result();
  }

 private:
  static constexpr unsigned forks = 4;
  std::array<ramie::mutex, forks> mutexes_;
  std::array<guarded_count, forks> counts_;
};

constexpr scene_kind lock_kinds[] = {
    {"mutex", make_scene<one_mutex<ramie::mutex>>},
    {"timed_mutex", make_scene<one_mutex<ramie::timed_mutex>>},
    {"recursive_mutex", make_scene<one_mutex<ramie::recursive_mutex>>},
    {"recursive_timed_mutex", make_scene<one_mutex<ramie::recursive_timed_mutex>>},
    {"shared_mutex", make_scene<one_mutex<ramie::shared_mutex>>},
    {"shared_timed_mutex", make_scene<one_mutex<ramie::shared_timed_mutex>>},
    {"scoped_lock", make_scene<several_mutexes>},
};

}  // namespace

std::span<scene_kind const> lock_scenes() noexcept {
  return lock_kinds;
}

}  // namespace stress
