#include <ramie/sync/lock_checks.hpp>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <system_error>
#include <vector>

#include <ramie/sched/blocking.hpp>
#include <ramie/sync/channel.hpp>
#include <ramie/sync/condition_variable.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/latch.hpp>
#include <ramie/sync/mutex.hpp>
#include <ramie/sync/recursive_mutex.hpp>
#include <ramie/sync/semaphore.hpp>
#include <ramie/sync/shared_mutex.hpp>
#include <ramie/sync/shared_timed_mutex.hpp>
#include <ramie/sync/timed_mutex.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::test::code_of;
using ramie::test::on_one_worker;
using ramie::test::settle;

/// What f throws, in words.
template <class F>
std::string complaint_of(F f) {
  try {
    f();
  } catch (std::system_error const& error) {
    return error.what();
  }
  return "nothing";
}

bool has(std::string const& text, std::string const& part) {
  return text.find(part) != std::string::npos;
}

/// How many places a report tells, each with at least one frame.
std::size_t places_in(std::string const& said) {
  std::size_t places = 0;
  for (std::size_t at = 0; (at = said.find(" at\n    ", at)) != std::string::npos; ++at) ++places;
  return places;
}

class LockChecks : public testing::Test {
 protected:
  LockChecks() {
    ramie::set_lock_checks(true);
    ramie::set_lock_report_handler([this](std::string_view text) { reports_.emplace_back(text); });
  }
  ~LockChecks() override {
    ramie::set_lock_report_handler({});
    ramie::set_lock_checks(were_on_);
  }

  std::vector<std::string> reports_;

 private:
  bool const were_on_ = ramie::lock_checks();
};

TEST(LockChecksByDefault, FollowTheEnvironmentOrTheBuild) {
  char const* const wanted = std::getenv("RAMIE_LOCK_CHECKS");
#ifdef NDEBUG
  bool const by_build = false;
#else
  bool const by_build = true;
#endif
  EXPECT_EQ(ramie::lock_checks(), wanted != nullptr ? std::strcmp(wanted, "1") == 0 : by_build);
}

TEST_F(LockChecks, LockingWhatOneHoldsIsRefused) {
  on_one_worker([] {
    auto const twice = [](auto& m) {
      m.lock();
      EXPECT_EQ(code_of([&] { m.lock(); }), std::errc::resource_deadlock_would_occur);
      EXPECT_FALSE(m.try_lock());
      m.unlock();
      EXPECT_TRUE(m.try_lock());
      m.unlock();
    };
    ramie::mutex plain;
    twice(plain);
    ramie::timed_mutex timed;
    twice(timed);
    ramie::shared_mutex shared;
    twice(shared);
    ramie::shared_timed_mutex shared_timed;
    twice(shared_timed);
  });
}

TEST_F(LockChecks, AReaderThatLocksAgainIsRefused) {
  ramie::shared_mutex m;
  m.lock_shared();
  EXPECT_EQ(code_of([&] { m.lock_shared(); }), std::errc::resource_deadlock_would_occur);
  EXPECT_EQ(code_of([&] { m.lock(); }), std::errc::resource_deadlock_would_occur);
  m.unlock_shared();
}

TEST_F(LockChecks, ARecursiveMutexMayBeLockedAgain) {
  ramie::recursive_mutex m;
  m.lock();
  m.lock();
  m.unlock();
  m.unlock();
  EXPECT_EQ(code_of([&] { m.unlock(); }), std::errc::operation_not_permitted);
  EXPECT_TRUE(reports_.empty());
}

TEST_F(LockChecks, UnlockingWhatAnotherHoldsIsRefused) {
  on_one_worker([] {
    ramie::mutex m;
    ramie::event over;
    auto holder = spawn({.name = "holder"}, [&] {
      std::lock_guard const guard(m);
      over.wait();
    });
    settle();
    std::string const said = complaint_of([&] { m.unlock(); });
    EXPECT_TRUE(has(said, "unlocks mutex")) << said;
    EXPECT_TRUE(has(said, "\"holder\" holds")) << said;
    over.set();
    holder.join();  // Its own unlock is none the worse for it.
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST_F(LockChecks, UnlockingWhatNobodyHoldsIsRefused) {
  ramie::mutex plain;
  ramie::timed_mutex timed;
  ramie::shared_mutex shared;
  EXPECT_TRUE(has(complaint_of([&] { plain.unlock(); }), "nobody holds"));
  EXPECT_TRUE(has(complaint_of([&] { timed.unlock(); }), "unlocks timed_mutex"));
  EXPECT_TRUE(has(complaint_of([&] { shared.unlock(); }), "unlocks shared_mutex"));
  EXPECT_TRUE(has(complaint_of([&] { shared.unlock_shared(); }), "nobody holds"));
}

TEST_F(LockChecks, AConditionsWaitWithAnothersLockIsRefused) {
  on_one_worker([] {
    ramie::mutex m;
    ramie::condition_variable changed;
    m.lock();
    spawn([&] {
      std::unique_lock<ramie::mutex> lock(m, std::adopt_lock);
      EXPECT_EQ(code_of([&] { changed.wait(lock); }), std::errc::operation_not_permitted);
      lock.release();
    }).join();
    m.unlock();
    bool notified = false;
    auto waiter = spawn([&] {
      std::unique_lock lock(m);
      changed.wait(lock);
      notified = true;
    });
    settle();
    changed.notify_one();  // The refused one waits no more.
    settle();
    EXPECT_TRUE(notified);
    changed.notify_all();
    waiter.join();
  });
}

// A blocking section is the fiber's.
TEST_F(LockChecks, ABlockingSectionMayUnlockForItsFiber) {
  on_one_worker([] {
    ramie::mutex m;
    m.lock();
    EXPECT_EQ(ramie::blocking([&] { return code_of([&] { m.unlock(); }); }), std::error_code());
  });
}

template <class A, class B>
void lock_in_turn(A& a, B& b) {
  std::lock_guard const first(a);
  std::lock_guard const second(b);
}

TEST_F(LockChecks, TheOtherOrderIsReportedOnce) {
  on_one_worker([] {
    ramie::mutex a;
    ramie::timed_mutex b;
    spawn({.name = "one"}, [&] { lock_in_turn(a, b); }).join();
    for (int i = 0; i < 2; ++i) spawn({.name = "other"}, [&] { lock_in_turn(b, a); }).join();
  });
  ASSERT_EQ(reports_.size(), 1u);
  std::string const& said = reports_.front();
  EXPECT_TRUE(has(said, "possible deadlock")) << said;
  for (char const* part : {"\"one\"", "\"other\"", "locks mutex 0x", "timed_mutex 0x"}) {
    EXPECT_TRUE(has(said, part)) << part << " in " << said;
  }
  EXPECT_EQ(places_in(said), 4u) << said;
}

TEST_F(LockChecks, ALongerCircleIsReported) {
  std::array<ramie::mutex, 3> m;
  lock_in_turn(m[0], m[1]);
  lock_in_turn(m[1], m[2]);
  EXPECT_TRUE(reports_.empty());
  lock_in_turn(m[2], m[0]);
  EXPECT_EQ(reports_.size(), 1u);
}

TEST_F(LockChecks, OnlyTheCircleItselfIsReported) {
  std::array<ramie::mutex, 4> m;
  lock_in_turn(m[0], m[1]);
  lock_in_turn(m[1], m[2]);  // leads nowhere
  lock_in_turn(m[1], m[3]);
  lock_in_turn(m[3], m[0]);
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(places_in(reports_.front()), 6u) << reports_.front();  // two for each of its locks
}

// As when a list is walked from lock to lock, by a fiber.
TEST_F(LockChecks, ALongWayTakesNoStack) {
  on_one_worker([] {
    constexpr std::size_t count = 4000;
    std::vector<ramie::mutex> list(count);
    for (std::size_t i = 1; i < count; ++i) lock_in_turn(list[i - 1], list[i]);
    ramie::mutex before;
    lock_in_turn(before, list.front());
  });
  EXPECT_TRUE(reports_.empty());
}

TEST_F(LockChecks, OneOrderIsNotReported) {
  on_one_worker([] {
    ramie::mutex a;
    ramie::shared_mutex b;
    ramie::condition_variable changed;
    bool done = false;
    auto waiter = spawn([&] {
      std::unique_lock held(a);
      changed.wait(held, [&] { return done; });  // locks it again, with nothing held
      std::shared_lock const also(b);
    });
    settle();
    {
      std::unique_lock const held(a);
      done = true;
    }
    changed.notify_one();
    waiter.join();
    lock_in_turn(a, b);
  });
  EXPECT_TRUE(reports_.empty());
}

// Whoever only tries does not wait, so can't deadlock.
TEST_F(LockChecks, TryingInTheOtherOrderIsNotReported) {
  ramie::mutex a;
  ramie::mutex b;
  lock_in_turn(a, b);
  std::lock_guard const first(b);
  ASSERT_TRUE(a.try_lock());
  a.unlock();
  EXPECT_TRUE(reports_.empty());
}

// An address is known for one mutex's life only.
TEST_F(LockChecks, AnotherMutexAtTheSameAddressHasNoPast) {
  ramie::mutex a;
  std::optional<ramie::mutex> b(std::in_place);
  lock_in_turn(a, *b);
  b.emplace();
  lock_in_turn(*b, a);
  EXPECT_TRUE(reports_.empty());
}

TEST_F(LockChecks, DestroyingWhatIsHeldIsReported) {
  {
    ramie::mutex m;
    m.lock();
  }
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(has(reports_.front(), "destroys mutex 0x")) << reports_.front();
}

template <class Primitive, class Wait>
void destroy_beside_a_waiter(Primitive* object, Wait wait) {
  on_one_worker([=] {
    spawn([=] { wait(*object); }).detach();
    settle();
    delete object;
  });
}

using LockChecksDeathTest = LockChecks;

TEST_F(LockChecksDeathTest, DestroyingWhatIsWaitedForEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ramie::set_lock_report_handler({});  // to standard error
  EXPECT_DEATH(
      {
        auto* const m = new ramie::mutex;
        on_one_worker([m] {
          m->lock();
          spawn([m] { m->lock(); }).detach();
          settle();
          delete m;
        });
      },
      "destroys mutex 0x.*for which others wait");
  EXPECT_DEATH(destroy_beside_a_waiter(new ramie::event, [](auto& e) { e.wait(); }),
               "destroys event 0x");
  EXPECT_DEATH(destroy_beside_a_waiter(new ramie::latch(1), [](auto& l) { l.wait(); }),
               "destroys latch 0x");
  EXPECT_DEATH(
      destroy_beside_a_waiter(new ramie::binary_semaphore(0), [](auto& s) { s.acquire(); }),
      "destroys semaphore 0x");
  EXPECT_DEATH(destroy_beside_a_waiter(new ramie::channel<int>(0), [](auto& c) { c.receive(); }),
               "destroys channel receive 0x");
}

}  // namespace
