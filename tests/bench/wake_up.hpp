// How soon somebody who has gone to sleep runs after a plain thread has woken him.
#pragma once

#include <chrono>
#include <cstdint>
#include <semaphore>
#include <thread>

#include "bench.hpp"
#include "latency.hpp"

namespace bench {

class wake_ups {
 public:
  explicit wake_ups(std::uint64_t n) : n_(n), taken_(n) {}

  /// The plain thread's part: calls wake n times, each time for one call of woken by the sleeper.
  template <class Wake>
  result measure(Wake wake, unsigned percent) {
    for (std::uint64_t i = 0; i < n_; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // he goes to sleep
      watch_ = {};
      wake();
      answered_.acquire();
    }
    return taken_.at(percent);
  }

  /// The sleeper's first step.
  void woken() {
    taken_.add(watch_);
    answered_.release();
  }

 private:
  std::uint64_t n_;
  samples taken_;
  stopwatch watch_;
  std::binary_semaphore answered_{0};
};

}  // namespace bench
