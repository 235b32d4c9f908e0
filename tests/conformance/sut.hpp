// The library under test: `sut` is std, or ramie.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <future>
#include <system_error>
#include <type_traits>
#include <utility>

#ifdef RAMIE_CONFORMANCE_OF_STD

#include <barrier>
#include <condition_variable>
#include <future>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stop_token>
#include <thread>

namespace sut = std;

namespace conformance {
/// Runs a test's body where its library wants it: on a thread, or on a fiber.
inline void run(void (*body)()) {
  body();
}

/// The calling thread's, or fiber's, own T; destroyed with it.
template <class T>
T& local() {
  static thread_local T self;
  return self;
}
}  // namespace conformance

#else

#include <ramie/ramie.hpp>

#include "../support/workers.hpp"

namespace sut = ramie;

namespace conformance {
inline void run(void (*body)()) {
  ramie::run({.workers = ramie::test::worker_counts()[1]}, body);
}

template <class T>
T& local() {
  static ramie::fiber_local<T> self;
  return *self;
}
}  // namespace conformance

#endif

namespace conformance {

using namespace std::chrono_literals;

inline constexpr auto soon = 2ms;
inline constexpr auto forever = 1000h;

/// A clock of the user's, an hour ahead.
struct skewed_clock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<skewed_clock>;
  static constexpr bool is_steady = true;
  static time_point now() {
    auto const real = std::chrono::steady_clock::now().time_since_epoch() + 1h;
    return time_point(std::chrono::duration_cast<duration>(real));
  }
};

/// Calls f with time points of several clocks that are `from_now` ahead.
template <class Duration, class F>
void for_plain_clocks(Duration from_now, F f) {
  f(std::chrono::steady_clock::now() + from_now);
  f(std::chrono::system_clock::now() + from_now);
  f(skewed_clock::now() + from_now);
}

/// The same, and in a unit that counts in floating point.
template <class Duration, class F>
void for_clocks(Duration from_now, F f) {
  for_plain_clocks(from_now, f);
  f(std::chrono::time_point_cast<std::chrono::duration<double>>(std::chrono::steady_clock::now()) +
    from_now);
}

/// Waits for a flag that another thread sets.
inline void await(std::atomic<bool> const& flag) {
  while (!flag.load()) sut::this_thread::yield();
}

/// Has f called by another thread, and waits for its end.
template <class F>
void in_another_thread(F f) {
  sut::thread(std::move(f)).join();
}

/// Whether nobody holds the mutex, in whatever way.
template <class M>
bool is_free(M& m) {
  bool got = false;
  in_another_thread([&] {
    got = m.try_lock();
    if (got) m.unlock();
  });
  return got;
}

/// The code of the system_error or future_error that f throws; none if it returns.
template <class F>
std::error_code code_of(F f) {
  try {
    f();
  } catch (std::system_error const& error) {
    return error.code();
  } catch (std::future_error const& error) {
    return error.code();
  }
  return {};
}

/// A thread's local that sets a flag at its end.
struct tells_when_it_goes {
  ~tells_when_it_goes() {
    if (gone != nullptr) gone->store(true);
  }
  std::atomic<bool>* gone = nullptr;
};

template <class T>
inline constexpr bool stays_where_it_is =
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
    !std::is_move_constructible_v<T> && !std::is_move_assignable_v<T>;

template <class T>
inline constexpr bool moves_only =
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;

}  // namespace conformance

#define CONFORMANCE_TEST(suite, name) \
  static void suite##name();          \
  TEST(suite, name) {                 \
    conformance::run(&suite##name);   \
  }                                   \
  static void suite##name()
