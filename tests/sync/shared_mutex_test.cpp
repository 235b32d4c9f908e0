#include <ramie/sync/shared_mutex.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sync/semaphore.hpp>
#include <ramie/sync/shared_timed_mutex.hpp>

#include "../sched/any_time.hpp"
#include "../support/fibers.hpp"

namespace {

using ramie::join_handle;
using ramie::spawn;
using ramie::test::forever;
using ramie::test::settle;
using ramie::test::soon;

RAMIE_TEST_WITH_WORKERS(SharedMutexStress);

TEST(SharedMutex, TryLocksTellWhoHoldsIt) {
  ramie::shared_mutex m;
  EXPECT_TRUE(m.try_lock_shared());
  EXPECT_TRUE(m.try_lock_shared());
  EXPECT_FALSE(m.try_lock());
  m.unlock_shared();
  m.unlock_shared();
  EXPECT_TRUE(m.try_lock());
  EXPECT_FALSE(m.try_lock());
  EXPECT_FALSE(m.try_lock_shared());
  m.unlock();
  EXPECT_TRUE(m.try_lock_shared());
  m.unlock_shared();
}

/// Fibers that take the mutex, say so, and keep it until they are told.
struct users {
  ramie::shared_timed_mutex m;
  std::vector<char> entered;

  join_handle<void> reader() {
    auto made = spawn([this] {
      std::shared_lock const held(m);
      entered.push_back('r');
      keep_until(reader_told);
    });
    settle();
    return made;
  }
  join_handle<void> writer() {
    auto made = spawn([this] {
      std::lock_guard const held(m);
      entered.push_back('w');
      keep_until(writer_told);
    });
    settle();
    return made;
  }
  /// One that has the mutex gives it up.
  void reader_leaves() { reader_told.release(); }
  void writer_leaves() { writer_told.release(); }
  void expect(std::string_view order) {
    settle();
    EXPECT_EQ(std::string_view(entered.data(), entered.size()), order);
  }

 private:
  static void keep_until(ramie::counting_semaphore<>& told) {
    ramie::cancellation_shield const shield;
    told.acquire();
  }

  ramie::counting_semaphore<> reader_told{0};
  ramie::counting_semaphore<> writer_told{0};
};

TEST(SharedMutex, AdmitsReadersAndWritersByTurns) {
  ramie::test::on_one_worker([] {
    users u;
    std::vector<join_handle<void>> all;
    all.push_back(u.reader());
    all.push_back(u.writer());
    all.push_back(u.reader());  // behind the writer
    all.push_back(u.writer());
    all.push_back(u.reader());
    EXPECT_FALSE(u.m.try_lock_shared());
    u.expect("r");
    u.reader_leaves();
    u.expect("rw");
    u.writer_leaves();
    u.expect("rwrr");
    u.reader_leaves();
    u.expect("rwrr");
    u.reader_leaves();
    u.expect("rwrrw");
    EXPECT_FALSE(u.m.try_lock());
    u.writer_leaves();
    settle();
    EXPECT_TRUE(u.m.try_lock());
    u.m.unlock();
  });
}

TEST(SharedMutex, AWriterGoesToTheNextWriterIfNoReaderWaits) {
  ramie::test::on_one_worker([] {
    users u;
    auto first = u.writer();
    auto second = u.writer();
    u.expect("w");
    u.writer_leaves();
    u.expect("ww");
    u.writer_leaves();
    settle();
    EXPECT_TRUE(u.m.try_lock_shared());
    u.m.unlock_shared();
  });
}

TEST(SharedMutex, ReadersGoOnWhenTheWriterTheyWaitForGivesUp) {
  ramie::test::on_one_worker([] {
    users u;
    u.m.lock_shared();
    auto writer = spawn([&u] { return u.m.try_lock_for(forever); });
    settle();
    auto a = u.reader();
    auto b = u.reader();
    u.expect("");
    writer.cancel();
    u.expect("rr");
    EXPECT_THROW(writer.join(), ramie::cancelled);
    EXPECT_TRUE(u.m.try_lock_shared());  // Nobody waits any more.
    for (int i = 0; i < 2; ++i) u.m.unlock_shared();
    for (int i = 0; i < 2; ++i) u.reader_leaves();
    settle();
    EXPECT_TRUE(u.m.try_lock());
    u.m.unlock();
  });
}

TEST(SharedMutex, AReaderThatGivesUpChangesNothingForTheOthers) {
  ramie::test::on_one_worker([] {
    users u;
    u.m.lock();
    auto impatient = spawn([&u] { return u.m.try_lock_shared_for(soon); });
    settle();
    auto patient = u.reader();
    EXPECT_FALSE(impatient.join());
    u.expect("");
    u.m.unlock();
    u.expect("r");
    u.reader_leaves();
  });
}

TEST(SharedMutex, LocksAreNotInterrupted) {
  ramie::test::on_one_worker([] {
    users u;
    u.m.lock();
    auto reader = u.reader();
    auto writer = u.writer();
    reader.cancel();
    writer.cancel();
    u.expect("");
    u.m.unlock();
    u.expect("r");
    u.reader_leaves();
    u.expect("rw");
    u.writer_leaves();
  });
}

TEST(SharedMutex, TimedWaitsTellTheirOwnTimeFromTheScopes) {
  ramie::shared_timed_mutex m;
  m.lock();
  auto const wait = [&m] {
    EXPECT_FALSE(m.try_lock_for(soon));
    EXPECT_FALSE(m.try_lock_shared_for(soon));
    ramie::deadline_scope const limit(soon);
    EXPECT_THROW(m.try_lock_for(forever), ramie::timed_out);
    EXPECT_THROW(m.try_lock_shared_for(forever), ramie::timed_out);
  };
  std::thread(wait).join();
  ramie::test::on_one_worker(wait);
  m.unlock();
  EXPECT_TRUE(m.try_lock());
}

template <class Time>
std::pair<bool, bool> lock_both_by(ramie::shared_timed_mutex& a, ramie::shared_timed_mutex& b,
                                   Time when) {
  if constexpr (ramie::test::is_duration<Time>) {
    return {a.try_lock_for(when), b.try_lock_shared_for(when)};
  } else {
    return {a.try_lock_until(when), b.try_lock_shared_until(when)};
  }
}

TEST(SharedMutex, TakesEveryTime) {
  ramie::test::on_one_worker([] {
    ramie::test::for_times_that_have_come([](auto when) {
      ramie::shared_timed_mutex a, b;
      EXPECT_EQ(lock_both_by(a, b, when), std::pair(true, true));
      EXPECT_EQ(lock_both_by(b, a, when), std::pair(false, false));
    });
    ramie::test::for_times_that_never_come([](auto when) {
      ramie::shared_timed_mutex a, b;
      a.lock();
      b.lock();
      auto waiter = spawn([&] { return lock_both_by(a, b, when); });
      settle();
      a.unlock();
      settle();
      EXPECT_FALSE(waiter.done());
      b.unlock();
      EXPECT_EQ(waiter.join(), std::pair(true, true));
    });
  });
}

TEST_P(SharedMutexStress, ExcludesWritersWhileTimesRunOut) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    ramie::shared_timed_mutex m;
    long a = 0;
    long b = 0;
    std::atomic<long> expected{0};
    ramie::test::fibers_and_threads(8, [&](int who) {
      std::mt19937 random(seed + static_cast<unsigned>(who));
      for (int i = 0; i < 3000; ++i) {
        auto const patience = std::chrono::microseconds(random() % 30);
        bool const writes = random() % 3 == 0;
        bool const waits = random() % 2 == 0;
        if (waits) {
          writes ? m.lock() : m.lock_shared();
        } else if (!(writes ? m.try_lock_for(patience) : m.try_lock_shared_for(patience))) {
          continue;
        }
        if (writes) {
          ++a;
          if (random() % 8 == 0) ramie::this_fiber::yield();
          ++b;
          expected.fetch_add(1);
          m.unlock();
        } else {
          long const seen = a;
          if (random() % 8 == 0) ramie::this_fiber::yield();
          EXPECT_EQ(seen, b);
          m.unlock_shared();
        }
      }
    });
    EXPECT_TRUE(m.try_lock());
    EXPECT_EQ(a, expected.load());
  });
}

// Readers that come and go for as long as no writer has passed.
TEST_P(SharedMutexStress, ReadersThatOverlapDoNotStarveAWriter) {
  run_it([] {
    ramie::shared_mutex m;
    std::atomic<bool> written{false};
    ramie::test::fibers_and_threads(8, [&](int who) {
      if (who == 4) {
        std::lock_guard const guard(m);
        written.store(true);
      }
      while (!written.load()) {
        std::shared_lock const guard(m);
        ramie::this_fiber::yield();
      }
    });
  });
}

// Writers that come and go for as long as no reader has passed.
TEST_P(SharedMutexStress, WritersDoNotStarveAReader) {
  run_it([] {
    ramie::shared_mutex m;
    std::atomic<bool> read{false};
    ramie::test::fibers_and_threads(8, [&](int who) {
      if (who == 4) {
        std::shared_lock const guard(m);
        read.store(true);
      }
      while (!read.load()) {
        std::lock_guard const guard(m);
        ramie::this_fiber::yield();
      }
    });
  });
}

struct held_mutex {
  ramie::shared_timed_mutex m;
  std::atomic<bool> held{false};
};

template <class Lock, class Unlock>
void holder_is_done_with_it(Lock lock, Unlock unlock) {
  ramie::test::destroy_while_the_waker_leaves(
      +[] { return std::make_shared<held_mutex>(); },
      [&](held_mutex& it) {
        lock(it.m);
        it.held.store(true);
        ramie::test::pause_for(50);
        unlock(it.m);
      },
      [](held_mutex& it) {
        while (!it.held.load()) std::this_thread::yield();
        // It finds the holder's unlock at every point of its way.
        for (int tries = 1; !it.m.try_lock_for(std::chrono::nanoseconds(0)); ++tries) {
          if (tries % 64 == 0) std::this_thread::yield();
        }
        it.m.unlock();
      });
}

TEST(SharedMutexStress, TheLastReaderIsDoneWithItWhenAWriterHasIt) {
  holder_is_done_with_it([](auto& m) { m.lock_shared(); }, [](auto& m) { m.unlock_shared(); });
}

TEST(SharedMutexStress, TheWriterIsDoneWithItWhenTheNextOneHasIt) {
  holder_is_done_with_it([](auto& m) { m.lock(); }, [](auto& m) { m.unlock(); });
}

}  // namespace
