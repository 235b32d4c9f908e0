// What both line servers' programs have.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

#include "process.hpp"
#include "program.hpp"

struct line_server_options {
  std::uint16_t port = 0;
  std::chrono::microseconds processing{0};  ///< Time that a line takes.
  std::chrono::milliseconds patience{0};    ///< For connections, from the signal to stop on.
};

inline line_server_options parse_line_server(int argc, char** argv) {
  std::uint64_t port = 0, processing_us = 0, patience_ms = 10'000;
  program::parse(argc, argv, "acknowledges lines; ends on SIGTERM, when its clients have",
                 {{"port", &port, 0, 65'535, "to listen on; 0: any free one"},
                  {"processing-us", &processing_us, 0, 10'000'000, "time that a line takes"},
                  {"patience-ms", &patience_ms, 0, 3'600'000, "until clients are cut off"}});
  return {.port = static_cast<std::uint16_t>(port),
          .processing = std::chrono::microseconds(processing_us),
          .patience = std::chrono::milliseconds(patience_ms)};
}

/// A thread that calls stop() when the process is told to end, or at the latest in the destructor.
/// To be made before any other thread.
class stop_on_signal {
 public:
  explicit stop_on_signal(std::function<void()> stop)
      : thread_([this, stop = std::move(stop)] {
          signals_.wait();
          stop();
        }) {}
  stop_on_signal(stop_on_signal const&) = delete;
  stop_on_signal& operator=(stop_on_signal const&) = delete;
  ~stop_on_signal() {
    ::pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }

 private:
  stop_signals signals_;
  std::thread thread_;
};
