// Work that a plain thread hands to a running loop. Loop: made for a number of workers; post(f) has
// it call f; its destructor waits for what it was given.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <semaphore>
#include <thread>
#include <vector>

#include "bench.hpp"

namespace bench {

/// A burst: the time of a post, until all have run.
template <class Loop>
result hand_in(options const& chosen) {
  std::atomic<std::uint64_t> left{chosen.n};
  std::binary_semaphore all_ran(0);
  Loop loop(chosen.workers);
  stopwatch const watch;
  for (std::uint64_t i = 0; i < chosen.n; ++i) {
    loop.post([&] {
      if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) all_ran.release();
    });
  }
  all_ran.acquire();
  auto const found = per_item(watch, chosen.n);
  check(left == 0, "every task runs");
  return found;
}

/// The median of the times from a post to a loop that has gone to sleep until it runs.
template <class Loop>
result hand_in_idle(options const& chosen) {
  struct {
    stopwatch posted;
    double us = 0;
    std::binary_semaphore ran{0};
  } task;
  std::vector<double> us;
  Loop loop(chosen.workers);
  for (std::uint64_t i = 0; i < chosen.n; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the loop goes to sleep
    task.posted = {};
    loop.post([&task] {
      task.us = task.posted.ns() / 1e3;
      task.ran.release();
    });
    task.ran.acquire();
    us.push_back(task.us);
  }
  auto const middle = us.begin() + static_cast<std::ptrdiff_t>(us.size() / 2);
  std::nth_element(us.begin(), middle, us.end());
  return {*middle, "us"};
}

}  // namespace bench
