// Runtimes that come and go, with fibers in every state, leave the process as it was.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
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

/// Bytes of memory that the process has pages for.
std::ptrdiff_t resident() {
  std::ifstream file("/proc/self/statm");
  std::ptrdiff_t size = 0;
  std::ptrdiff_t pages = 0;
  file >> size >> pages;
  return pages * 4096;
}

/// What the allocator, which keeps and moves about what was freed, may have added.
constexpr std::ptrdiff_t allocators_mappings = 16;
constexpr std::ptrdiff_t allocators_bytes = 8 << 20;

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
  std::ptrdiff_t const bytes_before = resident();
  for (int i = 0; i < (sanitized() ? 1000 : 10'000); ++i) live_and_die(random);
  test::await_runtime_threads(0);
  EXPECT_EQ(footprint(), before);
  if (!sanitized()) {  // They keep books.
    EXPECT_LE(mappings(), maps_before + allocators_mappings);
    EXPECT_LE(resident(), bytes_before + allocators_bytes);
  }
}

// A runtime that ends with so many live fibers.
void end_with(int count) {
  std::atomic<int> unwound{0};
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
  test::await_runtime_threads(0);
}

TEST(Lifecycle, ManyLiveFibersAreEnded) {
  int const count = sanitized() ? 2000 : 100'000;
  end_with(count);
  footprint const before;
  std::ptrdiff_t const maps_before = mappings();
  std::ptrdiff_t const bytes_before = resident();
  end_with(count);
  EXPECT_EQ(footprint(), before);
  if (!sanitized()) {
    EXPECT_LE(mappings(), maps_before + allocators_mappings);
    EXPECT_LE(resident(), bytes_before + allocators_bytes);
  }
}

}  // namespace
}  // namespace ramie
