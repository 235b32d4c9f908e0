// How long work of a busy worker waits while another worker is idle.
//
//   ramie_delays [--seconds N]
//
// Two workers; one computes all the time. What it leaves behind -- a fresh fiber, a woken one in
// the run-next slot, one from outside, a timer, a readable descriptor -- is timed from the moment
// it could run to the moment it runs. Prints the number of samples, median, 99th percentile and
// maximum, and exits 1 if a maximum is above 20 ms.
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <ramie/io/wait.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/this_fiber.hpp>

namespace {

using clock_type = std::chrono::steady_clock;

struct moment {
  std::atomic<clock_type::time_point> runnable{};
  std::atomic<clock_type::time_point> ran{};
  void now_runnable() { runnable = clock_type::now(); }
  void now_ran() { ran = clock_type::now(); }
  bool done() const { return ran.load() != clock_type::time_point{}; }
};

// A worker that computes until the moment has come.
void compute_until(moment const& at) {
  while (!at.done()) {
  }
}

void fresh(ramie::runtime&, moment& at) {
  at.now_runnable();
  auto other = ramie::spawn([&] { at.now_ran(); });
  compute_until(at);
  other.join();
}

void woken(ramie::runtime&, moment& at) {
  std::atomic<ramie::waiter*> parked{nullptr};
  auto other = ramie::spawn([&] {
    ramie::waiter self;
    parked = &self;
    self.park({"delay"});
    at.now_ran();
  });
  while (parked.load() == nullptr) ramie::this_fiber::yield();
  at.now_runnable();
  parked.load()->unpark(ramie::placement::next);
  compute_until(at);
  other.join();
}

void from_outside(ramie::runtime& here, moment& at) {
  at.now_runnable();
  std::thread outside([&] {
    at.now_runnable();
    here.post([&] { at.now_ran(); });
  });
  compute_until(at);
  outside.join();
}

void timer(ramie::runtime&, moment& at) {
  using namespace std::chrono_literals;
  auto const due = clock_type::now() + 2ms;
  at.runnable = due;
  std::atomic<bool> asleep{false};
  auto other = ramie::spawn([&] {
    asleep = true;
    ramie::this_fiber::sleep_until(due);
    at.now_ran();
  });
  while (!asleep.load()) ramie::this_fiber::yield();
  compute_until(at);
  other.join();
}

void descriptor(ramie::runtime&, moment& at) {
  int const fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::atomic<bool> waiting{false};
  auto other = ramie::spawn([&] {
    waiting = true;
    ramie::io::wait_readable(fd);
    at.now_ran();
  });
  while (!waiting.load()) ramie::this_fiber::yield();
  std::thread outside([&] {
    at.now_runnable();
    ::eventfd_write(fd, 1);
  });
  compute_until(at);
  outside.join();
  other.join();
  ::close(fd);
}

double milliseconds(clock_type::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

// Prints a row; false if a sample is above the bound.
bool measure(char const* name, void (*way)(ramie::runtime&, moment&), double seconds) {
  std::vector<double> delays;
  ramie::runtime here({.workers = 2});
  here.run([&] {
    auto const end = clock_type::now() + std::chrono::duration<double>(seconds);
    while (clock_type::now() < end) {
      moment at;
      way(here, at);
      delays.push_back(milliseconds(at.ran.load() - at.runnable.load()));
    }
  });
  std::sort(delays.begin(), delays.end());
  std::size_t const n = delays.size();
  std::printf("%-14s %9zu %10.3f %10.3f %10.3f\n", name, n, delays[n / 2], delays[n * 99 / 100],
              delays.back());
  std::fflush(stdout);
  return delays.back() <= 20.0;
}

}  // namespace

int main(int count, char** arguments) {
  double seconds = 2;
  if (count == 3 && std::strcmp(arguments[1], "--seconds") == 0) {
    seconds = std::atof(arguments[2]);
  } else if (count != 1) {
    std::fprintf(stderr, "usage: ramie_delays [--seconds N]\n");
    return 2;
  }
  std::printf("delay beside a computing fiber, 2 workers, in ms\n%-14s %9s %10s %10s %10s\n",
              "what", "samples", "median", "p99", "max");
  bool good = measure("fresh fiber", &fresh, seconds);
  good &= measure("woken fiber", &woken, seconds);
  good &= measure("from outside", &from_outside, seconds);
  good &= measure("timer", &timer, seconds);
  good &= measure("descriptor", &descriptor, seconds);
  if (!good) std::printf("a delay above 20 ms\n");
  return good ? 0 : 1;
}
