#include <atomic>
#include <chrono>
#include <concepts>
#include <utility>

#include "sut.hpp"

namespace {

using conformance::for_clocks;
using conformance::soon;
using namespace std::chrono_literals;
namespace this_thread = sut::this_thread;

static_assert(requires {
  { this_thread::get_id() } -> std::same_as<sut::thread::id>;
  requires noexcept(this_thread::get_id());
  { this_thread::yield() } -> std::same_as<void>;
  requires noexcept(this_thread::yield());
  { this_thread::sleep_for(1ns) } -> std::same_as<void>;
  { this_thread::sleep_until(conformance::skewed_clock::now()) } -> std::same_as<void>;
});

CONFORMANCE_TEST(ThisThread, HasAnIdOfItsOwn) {
  auto const here = this_thread::get_id();
  EXPECT_EQ(here, this_thread::get_id());
  EXPECT_NE(here, sut::thread::id());
  sut::thread([here] { EXPECT_NE(this_thread::get_id(), here); }).join();
  this_thread::yield();
  EXPECT_EQ(here, this_thread::get_id());
}

CONFORMANCE_TEST(ThisThread, YieldLetsOthersRun) {
  std::atomic<bool> ran{false};
  sut::thread other([&ran] { ran.store(true); });
  while (!ran.load()) this_thread::yield();
  other.join();
}

CONFORMANCE_TEST(ThisThread, SleepsUntilTheTimeHasComeByItsClock) {
  for_clocks(soon, [](auto when) {
    this_thread::sleep_until(when);
    EXPECT_GE(decltype(when)::clock::now(), when);
  });
  auto const begun = std::chrono::steady_clock::now();
  this_thread::sleep_for(soon);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, soon);
  this_thread::sleep_for(std::chrono::duration<double, std::milli>(2.5));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, soon + 2500us);
}

CONFORMANCE_TEST(ThisThread, DoesNotSleepForTimesThatHaveCome) {
  this_thread::sleep_for(0s);
  this_thread::sleep_for(-1h);
  for_clocks(-1h, [](auto when) { this_thread::sleep_until(when); });
}

}  // namespace
