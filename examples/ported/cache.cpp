// A cache with many readers and now and then a writer: a shared_mutex around a map of shared
// futures, so that what several miss at once is loaded once.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "ported.hpp"

namespace {

using key = std::uint64_t;
using value = std::uint64_t;

value value_of(key wanted) {
  return wanted * 2'654'435'761;
}

class cache {
 public:
  /// The value, which is loaded unless it is there or on its way.
  value look_up(key wanted) {
    if (entry const there = find(wanted); there.valid()) return there.get();
    lib::promise<value> mine;
    entry const there = enter(wanted, mine.get_future());
    if (there.valid()) return there.get();
    value const loaded = load(wanted);
    mine.set_value(loaded);
    return loaded;
  }

  void forget(key which) {
    lib::lock_guard const writing(mutex_);
    if (entries_.erase(which) != 0) forgotten_.fetch_add(1, std::memory_order_relaxed);
  }

  /// As often as there was nothing: each load is for a key that is there, or has been forgotten.
  void check_loads() const {
    program::check(loads_.load(std::memory_order_relaxed) ==
                       entries_.size() + forgotten_.load(std::memory_order_relaxed),
                   "what several miss is loaded once");
  }

 private:
  using entry = lib::shared_future<value>;

  /// Not valid: there is none.
  entry find(key wanted) {
    lib::shared_lock const reading(mutex_);
    auto const found = entries_.find(wanted);
    return found == entries_.end() ? entry() : found->second;
  }

  /// The one that somebody else has entered meanwhile; not valid: `made` has been.
  entry enter(key wanted, lib::future<value> made) {
    lib::lock_guard const writing(mutex_);
    auto const [place, is_new] = entries_.try_emplace(wanted, made.share());
    return is_new ? entry() : place->second;
  }

  /// As slow as another service would be.
  value load(key wanted) {
    loads_.fetch_add(1, std::memory_order_relaxed);
    lib::this_thread::sleep_for(std::chrono::milliseconds(1));
    return value_of(wanted);
  }

  lib::shared_mutex mutex_;
  std::unordered_map<key, entry> entries_;  // guarded by mutex_
  // relaxed: read when all threads have been joined
  std::atomic<std::uint64_t> loads_{0};
  std::atomic<std::uint64_t> forgotten_{0};
};

}  // namespace

int main(int argc, char** argv) try {
  constexpr key keys = 1000;
  constexpr std::uint64_t writes_one_in = 1000;
  std::uint64_t readers = 4'000;
  std::uint64_t lookups = 500;
  program::parse(argc, argv, "looks things up in a cache",
                 {{"threads", &readers, 1, 100'000, "that look up"},
                  {"lookups", &lookups, 1, 1'000'000'000, "by each"}});
  ported::prepare();
  ported::measurement const here;
  cache shared;
  std::atomic<std::uint64_t> wrong{0};
  ported::crowd all(readers);
  for (std::uint64_t who = 0; who < readers; ++who) {
    all.add([&, who] {
      for (std::uint64_t i = 0; i < lookups; ++i) {
        key const wanted = (who * 7 + i * 13) % keys;
        if (shared.look_up(wanted) != value_of(wanted)) wrong.fetch_add(1);
        if ((who + i) % writes_one_in == 0) shared.forget(wanted);
      }
    });
  }
  all.run();
  program::check(wrong.load() == 0, "every look-up gives the key's value");
  shared.check_loads();
  here.report(all);
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
