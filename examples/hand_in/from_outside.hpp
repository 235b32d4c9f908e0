// Work that comes from another thread: how soon one post runs on a loop that sleeps, and what a
// burst of posts costs. The loop comes as a parameter.
#pragma once

#include <chrono>
#include <cstdint>
#include <semaphore>
#include <thread>

#include "program.hpp"

namespace from_outside {

/// Posts that a loop holds; further ones wait. A fiber's stack is a mapping or two before Linux
/// 6.13, and a process may have some 65,000.
inline constexpr std::size_t backlog = 16'384;

/// Loop: post(f) for any thread, which waits while the loop is full; wakeups(), how often it has
/// been woken. It runs one f at a time; its destructor waits for those it has taken.
template <class Loop>
class measurement {
 public:
  void latency(std::uint64_t posts) {
    program::samples taken(posts);
    for (std::uint64_t i = 0; i < posts; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // The loop goes to sleep.
      posted_ = {};
      loop_.post([this] {
        ns_ = posted_.ns();
        ran_.release();
      });
      ran_.acquire();
      taken.add(ns_);
    }
    taken.report("latency");
  }

  void burst(std::uint64_t posts) {
    expected_ = posts;
    std::uint64_t const before = loop_.wakeups();
    posted_ = {};
    for (std::uint64_t i = 1; i <= posts; ++i) {
      loop_.post([this, i] { count(i); });
    }
    ran_.acquire();
    program::report("burst", posted_.ns() / static_cast<double>(posts), "ns");
    program::report("wakeups", static_cast<double>(loop_.wakeups() - before), "wakeups");
    program::check(!ran_.try_acquire() && count_ == posts, "every post runs once");
    program::check(sum_ == posts * (posts + 1) / 2, "every post brings its own number");
  }

 private:
  void count(std::uint64_t number) {
    sum_ += number;
    if (++count_ == expected_) ran_.release();
  }

  program::stopwatch posted_;
  double ns_ = 0;  // this and the counts: the loop's, until it releases ran_
  std::uint64_t expected_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::counting_semaphore<> ran_{0};
  Loop loop_;  // Last: it ends before what its work refers to.
};

template <class Loop>
int main(int argc, char** argv) try {
  std::uint64_t posts = 1'000'000, samples = 500;
  program::parse(argc, argv, "hands work from a plain thread to a running loop",
                 {{"posts", &posts, 1, 100'000'000, "posts of the burst"},
                  {"samples", &samples, 1, 1'000'000, "single posts to the sleeping loop"}});
  measurement<Loop> here;
  here.latency(samples);
  here.burst(posts);
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}

}  // namespace from_outside
