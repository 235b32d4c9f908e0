#include <ramie/io/wait.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <system_error>
#include <thread>
#include <vector>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/task_group.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "sockets.hpp"
#include "test_pipe.hpp"

namespace {

using ramie::spawn;
using ramie::io::wait_readable;
using ramie::io::wait_writable;
using ramie::test::on_fiber_and_thread;
using ramie::test::settle;
using ramie::test::test_pipe;

RAMIE_TEST_WITH_WORKERS(WaitStress);

TEST(Wait, ReturnsWhenThereIsDataOrRoom) {
  on_fiber_and_thread([] {
    test_pipe p;
    wait_writable(p.out());
    p.put();
    wait_readable(p.in());
    EXPECT_TRUE(p.take());
  });
}

TEST(Wait, ParksUntilThereIsData) {
  ramie::test::on_one_worker([] {
    test_pipe p;
    auto reader = spawn([&] { wait_readable(p.in()); });
    settle();
    EXPECT_FALSE(reader.done());
    p.put();
    reader.join();
    EXPECT_TRUE(p.take());
  });
}

TEST(Wait, TheEndOfAPipeIsReadable) {
  on_fiber_and_thread([] {
    test_pipe p;
    ::close(p.ends[1]);
    p.ends[1] = -1;
    wait_readable(p.in());
    EXPECT_FALSE(p.take());
  });
}

TEST(Wait, ABadDescriptorIsATypedError) {
  on_fiber_and_thread([] {
    std::error_code error;
    wait_readable(-1, error);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
    int const closed = ::eventfd(0, EFD_CLOEXEC);
    ::close(closed);
    wait_writable(closed, error);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
    EXPECT_THROW(wait_readable(closed), std::system_error);
  });
}

// It is open, but stands for a place in the file system only.
TEST(Wait, ADescriptorThatCannotBeWaitedForIsATypedError) {
  on_fiber_and_thread([] {
    int const place = ::open("/", O_PATH | O_CLOEXEC);
    ASSERT_GE(place, 0);
    std::error_code error;
    wait_readable(place, error);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
    EXPECT_THROW(wait_writable(place), std::system_error);
    ::close(place);
  });
}

TEST(Wait, ARegularFileIsAlwaysReady) {
  on_fiber_and_thread([] {
    std::FILE* const file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    wait_readable(::fileno(file));
    wait_writable(::fileno(file));
    std::fclose(file);
  });
}

TEST(Wait, OneWaiterPerDirection) {
  ramie::test::on_one_worker([] {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    auto reader = spawn([&] { wait_readable(ends[0]); });
    settle();
    std::error_code error;
    wait_readable(ends[0], error);
    EXPECT_EQ(error, std::errc::device_or_resource_busy);
    wait_writable(ends[0]);  // The other direction is free.
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    reader.join();
    ::close(ends[0]);
    ::close(ends[1]);
  });
}

TEST(Wait, IsACancellationPoint) {
  ramie::test::on_one_worker([] {
    test_pipe p;
    auto reader = spawn([&] { wait_readable(p.in()); });
    settle();
    reader.cancel();
    EXPECT_THROW(reader.join(), ramie::cancelled);
    p.put();
    wait_readable(p.in());  // The place is free again.
  });
}

TEST(Wait, ANumberThatItsUserClosedAndOpenedAgainIsWatchedAfresh) {
  ramie::test::on_one_worker([] {
    for (int i = 0; i < 20; ++i) {
      test_pipe p;  // Mostly the same numbers, each time another pipe.
      auto reader = spawn([&] { wait_readable(p.in()); });
      settle();
      p.put();
      reader.join();
      EXPECT_TRUE(p.take());
    }
  });
}

TEST(Wait, ANumberWhoseWaitWasCancelledIsWatchedAfresh) {
  ramie::test::on_one_worker([] {
    for (int i = 0; i < 20; ++i) {
      test_pipe first;
      int const number = first.in();
      auto reader = spawn([&] { wait_readable(number); });
      settle();
      reader.cancel();
      EXPECT_THROW(reader.join(), ramie::cancelled);
      first.close();
      test_pipe second;  // The same numbers.
      EXPECT_EQ(second.in(), number);
      auto again = spawn([&] { wait_readable(number); });
      settle();
      second.put();
      again.join();
      EXPECT_TRUE(second.take());
    }
  });
}

// The timer of the wait that the event ended is not that of the next one.
TEST(Wait, ANearerDeadlineIsKeptAfterAnEventEndedTheWaitForAFartherOne) {
  ramie::test::on_one_worker([] {
    test_pipe p;
    test_pipe silent;  // Keeps the loop in use.
    auto waits_for_good = spawn([&] { wait_readable(silent.in()); });
    auto sleeps = spawn([] { ramie::this_fiber::sleep_for(ramie::test::forever); });
    auto reader = spawn([&] {
      wait_readable(p.in());
      ramie::this_fiber::sleep_for(ramie::test::soon);
    });
    settle();
    p.put();
    reader.join();  // The worker comes to the loop with nothing else to do.
  });
}

TEST(Wait, AnEventIsSeenDuringABlockingSection) {
  ramie::test::on_one_worker([] {
    test_pipe p;
    for (int i = 0; i < 10; ++i) {  // Mostly with a backup thread that is there, asleep.
      std::atomic<bool> read{false};
      auto reader = spawn([&] {
        wait_readable(p.in());
        EXPECT_TRUE(p.take());
        read = true;
      });
      settle();
      ramie::blocking([&] {
        p.put();
        while (!read) std::this_thread::yield();
      });
      reader.join();
    }
  });
}

// They are more than one look hands over, and nothing is watched any more when they are found.
TEST(Wait, ABusyWorkerIsHandedAllThatOneLookHasFound) {
  ramie::test::on_one_worker([] {
    constexpr std::size_t waiters = 300;
    std::vector<int> numbers;
    std::size_t begun = 0;
    std::size_t woken = 0;
    ramie::task_group group;
    for (std::size_t i = 0; i < waiters; ++i) {
      numbers.push_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      ASSERT_GE(numbers.back(), 0);
      group.spawn([&, number = numbers.back()] {
        ++begun;
        wait_readable(number);
        ++woken;
      });
    }
    while (begun < waiters) ramie::this_fiber::yield();
    for (int const number : numbers) ASSERT_EQ(::eventfd_write(number, 1), 0);
    while (woken < waiters) ramie::this_fiber::yield();
    group.wait();
    for (int const number : numbers) ::close(number);
  });
}

// More than libev asks for at once, and than are handed over at once.
TEST(Wait, WhoIsReadyFirstIsHandedOverFirst) {
  ramie::test::on_one_worker([] {
    constexpr std::size_t waiters = 150;
    constexpr std::size_t stride = 77;  // they share no factor: each comes once
    std::vector<int> numbers;
    std::vector<std::size_t> expected;
    std::vector<std::size_t> woken;
    std::size_t begun = 0;
    ramie::task_group group;
    for (std::size_t i = 0; i < waiters; ++i) {
      numbers.push_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      ASSERT_GE(numbers.back(), 0);
      group.spawn([&, i] {
        ++begun;
        wait_readable(numbers[i]);
        woken.push_back(i);
      });
    }
    while (begun < waiters) ramie::this_fiber::yield();
    ramie::test::settle();  // each is watched
    for (std::size_t i = 0; i < waiters; ++i) {
      expected.push_back(i * stride % waiters);
      ASSERT_EQ(::eventfd_write(numbers[expected.back()], 1), 0);
    }
    group.wait();
    EXPECT_EQ(woken, expected);
    for (int const number : numbers) ::close(number);
  });
}

TEST_P(WaitStress, CancellationAndEventsNeverLoseAWaiter) {
  run_it([] {
    test_pipe p;
    for (int i = 0; i < 500; ++i) {
      auto reader = spawn([&] {
        wait_readable(p.in());
        return p.take();
      });
      auto writer = spawn([&] { p.put(); });
      for (int n = 0; n < i % 4; ++n) ramie::this_fiber::yield();
      reader.cancel();
      bool took = false;
      try {
        took = reader.join();
      } catch (ramie::cancelled const&) {
        // It was cancelled first.
      }
      writer.join();
      if (!took) {
        wait_readable(p.in());
        EXPECT_TRUE(p.take());
      }
    }
  });
}

TEST_P(WaitStress, AFirstWaitReachesAWorkerThatIsInThePoller) {
  run_it([] {
    auto pair = ramie::test::connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    auto idle = spawn([&, &stream = client] { return ramie::test::read_text(stream, 1); });
    for (int i = 0; i < 300; ++i) {
      test_pipe p;  // New to the loop, in which another worker waits meanwhile.
      auto reader = spawn([&] { wait_readable(p.in()); });
      ramie::this_fiber::yield();
      std::thread outside([&] { p.put(); });
      reader.join();
      outside.join();
    }
    server.write_all("x");
    EXPECT_EQ(idle.join(), "x");
  });
}

// Its time ends one of two waits for a number that is nobody's; the other one, which is tried until
// the first has gone, must not come between the end of that and the end of its watch.
TEST_P(WaitStress, ATimeOutBesideTheNextWait) {
  run_it([] {
    for (int round = 0; round < 300; ++round) {
      test_pipe p;
      auto first = spawn([&] {
        ramie::deadline_scope const limit(std::chrono::microseconds(200));
        std::error_code error;
        wait_readable(p.in(), error);
      });
      auto second = spawn([&] {
        std::error_code error;
        do {
          wait_readable(p.in(), error);
          if (error) ramie::this_fiber::yield();
        } while (error);
      });
      first.join();
      p.put();
      second.join();
    }
  });
}

}  // namespace
