// Which driver the workers of a runtime wait in: the one that it began with, until I/O brings
// another.
//
// A thread that is about to sleep in the driver gets that before it tells where it sleeps
// (sleep_place.hpp); whoever wakes it gets the driver to interrupt after having read the place. So
// the two get the same, or the waker a newer one: then the change, whose interrupt comes after it
// has been made, brings the sleeper back. Were the place told first, a waker could interrupt the
// old driver while the sleeper, held up for so long, would get the new one and wait there for ever.
#pragma once

#include <atomic>

namespace ramie::detail {

/// `Driver`: as ramie::driver; an interrupt that comes before the wait prevents it.
template <class A, class Driver>
class basic_driver_in_use {
 public:
  explicit basic_driver_in_use(Driver& first) noexcept : driver_(&first) {}
  basic_driver_in_use(basic_driver_in_use const&) = delete;
  basic_driver_in_use& operator=(basic_driver_in_use const&) = delete;

  /// Any thread. By a thread that is to sleep: before it tells so.
  Driver& get() const noexcept { return *driver_.load(A::order("U1", std::memory_order_acquire)); }

  /// Brings whoever waits in the one before, or is about to, over to `next`. By one thread at a
  /// time; what is changed from must stay.
  void change_to(Driver& next) noexcept {
    Driver& before = get();
    driver_.store(&next, A::order("U2", std::memory_order_release));
    before.interrupt();
  }

 private:
  /// The first, or what came after it. U1 with U2: that is complete. That nobody gets an older one
  /// than those before in the order of sleep: T1 with T5 of the sleep place.
  typename A::template atomic<Driver*> driver_;
};

}  // namespace ramie::detail
