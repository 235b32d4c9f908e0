// The driver of a runtime without I/O: a place to wait, and nothing to serve.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <ramie/sched/detail/futex.hpp>
#include <ramie/sched/driver.hpp>

namespace ramie::detail {

class futex_driver final : public driver {
 public:
  void wait_until(std::chrono::steady_clock::time_point deadline) override {
    while (interrupted_.exchange(0, std::memory_order_acquire) == 0) {
      if (!futex_wait(&interrupted_, 0, deadline)) return;
    }
  }

  void interrupt() noexcept override {
    if (interrupted_.exchange(1, std::memory_order_release) == 0) futex_wake(&interrupted_, 1);
  }

  bool has_sources() const noexcept override { return false; }

 private:
  // 1: an interrupt has not been taken yet. release by whoever interrupts, acquire by whoever
  // waits.
  std::atomic<std::uint32_t> interrupted_{0};
};

}  // namespace ramie::detail
