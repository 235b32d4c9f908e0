// Where an OS thread that runs fibers is: awake, asleep on its futex, or asleep in the driver; and
// whether its worker was taken from it while it slept.
//
// The word is one of the three, and two bits: `notified` by whoever wakes the thread, sticky, so
// that a notice that comes before the sleep prevents it; `moved` by whoever takes the worker of a
// thread that sleeps on its futex. Both are cleared by the thread, when it ends its sleep.
#pragma once

#include <atomic>
#include <cstdint>

namespace ramie::detail {

template <class A>
class basic_sleep_place {
 public:
  /// What a notifier must wake.
  enum class sleeper : std::uint8_t { none, on_futex, in_driver };

  basic_sleep_place() noexcept = default;
  basic_sleep_place(basic_sleep_place const&) = delete;
  basic_sleep_place& operator=(basic_sleep_place const&) = delete;

  // --- by the thread

  /// Tells where the thread is about to sleep. False: it has been notified and must not. What it
  /// wrote before is visible to whoever takes its worker.
  bool begin_sleep(bool in_driver) noexcept {
    std::uint32_t expected = awake;
    return word_.compare_exchange_strong(expected, in_driver ? driver_bit : futex_bit,
                                         A::order("T1", std::memory_order_release),
                                         std::memory_order_relaxed);
  }

  bool was_notified() const noexcept {
    return (word_.load(std::memory_order_relaxed) & notified_bit) != 0;
  }

  /// The value to sleep on: any change wakes the thread, or keeps it from falling asleep.
  std::uint32_t futex_value() const noexcept { return word_.load(std::memory_order_relaxed); }
  void const* futex_address() const noexcept { return &word_; }

  /// The thread is awake; what notifiers wrote before is visible. True: its worker was taken, and
  /// which one it has now, if any, is to be asked under the lock of those that take.
  bool end_sleep() noexcept {
    return (word_.exchange(awake, A::order("T2", std::memory_order_acquire)) & moved_bit) != 0;
  }

  // --- by any thread

  /// Makes the thread go on, or its next sleep fail. If that is in the driver, what it read before
  /// it told so is no newer than what the caller reads from here on.
  sleeper notify() noexcept {
    std::uint32_t const seen =
        word_.fetch_or(notified_bit, A::order("T3", std::memory_order_release));
    if ((seen & notified_bit) != 0) return sleeper::none;  // an earlier notifier wakes it
    if ((seen & futex_bit) != 0) return sleeper::on_futex;
    if ((seen & driver_bit) == 0) return sleeper::none;
    A::fence("T5", std::memory_order_acquire);
    return sleeper::in_driver;
  }

  /// Takes the thread's worker away. Under the lock of those that take. True: the thread sleeps on
  /// its futex, goes on sleeping, and will ask before it touches a worker again; what it did with
  /// this one is visible. False: it is awake, or on its way.
  bool take_worker() noexcept {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    return (seen & (futex_bit | notified_bit)) == futex_bit &&
           word_.compare_exchange_strong(seen, seen | moved_bit,
                                         A::order("T4", std::memory_order_acquire),
                                         std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t awake = 0;
  static constexpr std::uint32_t futex_bit = 1;
  static constexpr std::uint32_t driver_bit = 2;
  static constexpr std::uint32_t notified_bit = 4;
  static constexpr std::uint32_t moved_bit = 8;

  /// As told above. Set to a place and back by the thread; the bits by others.
  typename A::template atomic<std::uint32_t> word_{awake};
};

}  // namespace ramie::detail
