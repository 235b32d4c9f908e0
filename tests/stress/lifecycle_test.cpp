// Runtimes that come and go, with fibers in every state, leave the process as it was.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <ramie/fiber/context.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "../support/threads.hpp"
#include "../support/workers.hpp"

namespace ramie {
namespace {

bool sanitized() {
  return detail::built_with_tsan() || detail::built_with_asan();
}

std::ptrdiff_t entries(char const* folder) {
  std::filesystem::directory_iterator const all(folder);
  return std::distance(begin(all), end(all));
}

std::ptrdiff_t mappings() {
  std::ifstream file("/proc/self/maps");
  return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
}

struct footprint {
  std::ptrdiff_t threads = entries("/proc/self/task");
  std::ptrdiff_t descriptors = entries("/proc/self/fd");
  friend bool operator==(footprint const&, footprint const&) = default;
};

// Fibers that are queued, sleep, yield, wait for others and throw, when the runtime ends.
void live_and_die(std::mt19937& random) {
  runtime here({.workers = static_cast<unsigned>(1 + random() % 4),
                .seed = random() | 1ULL,
                .on_unhandled_exception = [](unhandled_exception const&) {}});
  for (auto left = random() % 20; left > 0; --left) {
    switch (random() % 5) {
      case 0:
        here.post([] { this_fiber::sleep_for(std::chrono::hours(1)); });
        break;
      case 1:
        here.post([] {
          for (int n = 0; n < 50; ++n) this_fiber::yield();
        });
        break;
      case 2:
        here.post([] { spawn([] { this_fiber::sleep_for(std::chrono::hours(1)); }).join(); });
        break;
      case 3:
        here.post([] { throw 1; });
        break;
      default:
        here.run([] { this_fiber::yield(); });
        break;
    }
  }
}

TEST(Lifecycle, RuntimesComeAndGo) {
  unsigned const seed = test::test_seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  live_and_die(random);
  test::await_runtime_threads(0);
  footprint const before;
  std::ptrdiff_t const maps_before = mappings();
  for (int i = 0; i < (sanitized() ? 1000 : 10'000); ++i) live_and_die(random);
  test::await_runtime_threads(0);
  EXPECT_EQ(footprint(), before);
  // The allocator may have grown an arena or two, and the sanitizers keep books.
  if (!sanitized()) {
    EXPECT_LE(mappings(), maps_before + 16);
  }
}

TEST(Lifecycle, ManyLiveFibersAreEnded) {
  std::atomic<int> unwound{0};
  int const count = sanitized() ? 2000 : 100'000;
  {
    runtime here({.workers = 2});
    std::atomic<int> begun{0};
    for (int i = 0; i < count; ++i) {
      here.post([&] {
        struct counts {
          std::atomic<int>& unwound;
          ~counts() { unwound.fetch_add(1); }
        } const at_end{unwound};
        begun.fetch_add(1);
        this_fiber::sleep_for(std::chrono::hours(1));
      });
    }
    while (begun.load() != count) this_fiber::yield();
  }
  EXPECT_EQ(unwound, count);
}

}  // namespace
}  // namespace ramie
