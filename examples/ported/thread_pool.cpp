// A thread pool, half of the threads, whose jobs wait as a call to another service would; the other
// half hands it jobs and waits for their results.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "ported.hpp"

namespace {

class thread_pool {
 public:
  using job = lib::packaged_task<std::uint64_t()>;

  /// What the result of the function will be.
  template <class F>
  lib::future<std::uint64_t> submit(F f) {
    job one(std::move(f));
    auto result = one.get_future();
    {
      lib::lock_guard const lock(mutex_);
      jobs_.push_back(std::move(one));
    }
    some_.notify_one();
    return result;
  }

  /// What each of its threads does until the end.
  void work() {
    for (;;) {
      lib::unique_lock lock(mutex_);
      some_.wait(lock, [this] { return ended_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job one = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      one();
    }
  }

  /// Its threads return when nothing is left to do.
  void end() {
    {
      lib::lock_guard const lock(mutex_);
      ended_ = true;
    }
    some_.notify_all();
  }

 private:
  lib::mutex mutex_;
  lib::condition_variable some_;
  std::deque<job> jobs_;  // guarded by mutex_
  bool ended_ = false;    // guarded by mutex_
};

std::uint64_t answer(std::uint64_t question) {
  lib::this_thread::sleep_for(std::chrono::milliseconds(1));
  return question * question;
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint64_t threads = 4'000;
  std::uint64_t jobs = 25;
  program::parse(argc, argv, "has a thread pool do jobs",
                 {{"threads", &threads, 2, 100'000, "half of the pool, half who hand it jobs"},
                  {"jobs", &jobs, 1, 1'000'000'000, "that each of these hands in"}});
  ported::prepare();
  ported::measurement const here;
  std::uint64_t const half = threads / 2;
  thread_pool pool;
  lib::latch clients_left(static_cast<std::ptrdiff_t>(half));
  std::vector<std::uint64_t> sums(half);
  ported::crowd all(2 * half + 1);
  for (std::uint64_t who = 0; who < half; ++who) {
    all.add([&] { pool.work(); });
    all.add([&, who] {
      for (std::uint64_t i = 0; i < jobs; ++i) {
        std::uint64_t const question = who + i;
        sums[who] += pool.submit([question] { return answer(question); }).get();
      }
      clients_left.count_down();
    });
  }
  all.add([&] {
    clients_left.wait();
    pool.end();
  });
  all.run();
  for (std::uint64_t who = 0; who < half; ++who) {
    std::uint64_t expected = 0;
    for (std::uint64_t i = 0; i < jobs; ++i) expected += (who + i) * (who + i);
    program::check(sums[who] == expected, "every job is answered");
  }
  here.report(all);
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
