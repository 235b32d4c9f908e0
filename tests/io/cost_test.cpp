// What a keep-alive request costs in system calls.
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <ramie/io/unix_datagram_socket.hpp>
#include <ramie/io/unix_stream.hpp>
#include <ramie/io/wait.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/task_group.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "kernel.hpp"
#include "poller.hpp"
#include "sockets.hpp"
#include "test_pipe.hpp"

namespace {

using ramie::test::kernel;

TEST(Cost, AKeepAliveRequestIsOneReadAndOneWrite) {
  ramie::test::on_one_worker([] {
    auto pair = ramie::test::connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    auto echo = [](ramie::io::tcp_stream& stream) {
      std::array<char, 64> buffer;
      while (std::size_t const n = stream.read_some(buffer)) {
        stream.write_all(std::span(buffer).first(n));
      }
    };
    auto serving = ramie::spawn([&, &stream = server] { echo(stream); });
    auto const request = [&, &stream = client] {
      std::array<char, 64> reply;
      stream.write_all("ping");
      ASSERT_EQ(stream.read_some(reply), 4u);
    };
    request();  // Registers both ends.
    request();
    // The first wait that blocks stops watching for what the client could write since it connected.
    int const blocks = kernel.epoll_blocks;
    while (kernel.epoll_blocks - blocks < 2) {
      ramie::this_fiber::sleep_for(std::chrono::milliseconds(1));
    }
    int const controls = kernel.epoll_ctl.calls();
    int const reads = kernel.recv.calls();
    int const writes = kernel.send.calls();
    int const looks = kernel.poll.calls();
    constexpr int requests = 1'000;
    for (int i = 0; i < requests; ++i) request();
    EXPECT_EQ(kernel.epoll_ctl.calls() - controls, 0);
    EXPECT_EQ(kernel.recv.calls() - reads, 2 * requests);  // One at each end.
    EXPECT_EQ(kernel.send.calls() - writes, 2 * requests);
    EXPECT_EQ(kernel.poll.calls() - looks, 0);
    client.close();
    serving.join();
  });
}

TEST(Cost, AConnectionThatWasAwaitedIsNotReadInVain) {
  ramie::test::on_one_worker([] {
    auto listener = ramie::io::tcp_listener::bind("127.0.0.1", 0);
    int reads = 0;
    bool accepted = false;
    auto serving = ramie::spawn([&] {
      auto stream = listener.accept();
      reads = kernel.recv.calls();
      accepted = true;
      return ramie::test::read_text(stream, 1);
    });
    ramie::test::settle();
    auto client = ramie::io::tcp_stream::connect("127.0.0.1", listener.local_address().port());
    while (!accepted) ramie::this_fiber::sleep_for(std::chrono::milliseconds(1));
    ramie::test::settle();
    client.write_all("x");
    EXPECT_EQ(serving.join(), "x");
    EXPECT_EQ(kernel.recv.calls() - reads, 1);
  });
}

TEST(Cost, ReadinessThatNobodyWaitsForKeepsNoWorkerBusy) {
  ramie::test::on_one_worker([] {
    auto pair = ramie::test::connect_pair();
    auto reader = ramie::spawn([&] { return ramie::test::read_text(pair.client, 1); });
    ramie::test::settle();
    pair.server.write_all("xy");
    reader.join();  // One byte is left, and the watcher is still started.
    int const before = kernel.epoll_blocks;
    ramie::this_fiber::sleep_for(std::chrono::milliseconds(50));
    // Reported, reported in vain, and the end of the sleep, which may come in steps.
    EXPECT_LT(kernel.epoll_blocks - before, 10);
    EXPECT_EQ(ramie::test::read_text(pair.client, 1), "y");
  });
}

TEST(Cost, ReadinessThatNobodyWaitsForIsReportedFewTimesToABusyWorker) {
  ramie::test::on_one_worker([] {
    auto watched = ramie::io::unix_stream::pair();
    auto watcher = ramie::spawn([&] { return ramie::test::read_text(watched.first, 1); });
    auto ready = ramie::io::unix_stream::pair();
    auto reader = ramie::spawn([&] { return ramie::test::read_text(ready.first, 1); });
    ramie::test::settle();
    ready.second.write_all("xy");
    reader.join();  // One byte is left, and its watcher is still started.
    int reports = 0;
    kernel.on_events = [&](epoll_event const*, int count) { reports += count > 0 ? count : 0; };
    int const before = kernel.epoll_wait.calls();
    while (kernel.epoll_wait.calls() - before < 100) ramie::this_fiber::yield();
    kernel.on_events = nullptr;
    EXPECT_GE(reports, 1);
    EXPECT_LE(reports, 7);  // After the sixth it is reported once more to libev.
    EXPECT_EQ(ramie::test::read_text(ready.first, 1), "y");
    watched.second.write_all("z");
    EXPECT_EQ(watcher.join(), "z");
  });
}

TEST(Cost, ARungBellKeepsNoWorkerBusy) {
  auto pair = ramie::test::connect_pair();
  std::atomic<bool> rung{false};
  kernel.on_bell = [&] { rung = true; };
  {
    ramie::runtime runtime({.workers = 1});
    auto reader = runtime.spawn([&] { return ramie::test::read_text(pair.client, 1); });
    while (!rung) runtime.run([] {});  // Until the worker is met in epoll_wait.
    runtime.run([] {
      int const before = kernel.epoll_blocks;
      ramie::this_fiber::sleep_for(std::chrono::milliseconds(50));
      EXPECT_LT(kernel.epoll_blocks - before, 10);
    });
    pair.server.write_all("x");
    EXPECT_EQ(reader.join(), "x");
  }
  kernel.on_bell = nullptr;
}

// 150 that are ready at once, in parts of 64; the kernel would report those that have not run yet.
TEST(Cost, TheKernelIsNotAskedBeforeAllThatItHasReportedIsHandedOver) {
  ramie::test::on_one_worker([] {
    std::vector<int> numbers(150);
    std::size_t begun = 0;
    auto pair = ramie::test::connect_pair();  // watched all the while
    ramie::task_group readers;
    readers.spawn([&] {
      ++begun;
      EXPECT_EQ(ramie::test::read_text(pair.client, 1), "x");
    });
    for (int& number : numbers) {
      number = ::eventfd(0, EFD_CLOEXEC);
      ASSERT_GE(number, 0);
      readers.spawn([&begun, number] {
        ++begun;
        ramie::io::wait_readable(number);
      });
    }
    std::error_code error;
    auto* const poller = ramie::detail::poller::of_this_fiber(error);
    auto const asks_the_kernel = [&] {
      int const before = kernel.epoll_wait.calls();
      poller->wait_until(std::chrono::steady_clock::time_point::min());
      return kernel.epoll_wait.calls() != before;
    };
    while (begun < 1 + numbers.size()) ramie::this_fiber::yield();
    for (int const number : numbers) ASSERT_EQ(::eventfd_write(number, 1), 0);
    EXPECT_TRUE(asks_the_kernel());
    // Two looks for each part that is queued still, the first of which leaves it alone.
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(asks_the_kernel());
    EXPECT_TRUE(asks_the_kernel());
    pair.server.write_all("x");
    readers.wait();
    for (int const number : numbers) ::close(number);
  });
}

// Three parts of 64, of which a worker runs 61 between two looks.
TEST(Cost, ABusyWorkerIsToldOnceOfWhatIsQueued) {
  ramie::test::on_one_worker([] {
    std::vector<std::pair<ramie::io::unix_stream, ramie::io::unix_stream>> pairs;
    while (pairs.size() < 192) pairs.push_back(ramie::io::unix_stream::pair());
    constexpr std::size_t first_rounds = 3;  // Until libev asks for that many at once.
    constexpr std::size_t rounds = 10;
    std::size_t bytes = 0;
    ramie::task_group readers;
    for (auto& pair : pairs) {
      readers.spawn([&] {
        std::array<char, 8> buffer;
        for (std::size_t i = 0; i < rounds; ++i) bytes += pair.first.read_some(buffer);
      });
    }
    ramie::test::settle();
    std::size_t reported = 0;
    kernel.on_events = [&](epoll_event const*, int count) {
      if (count > 0) reported += static_cast<std::size_t>(count);
    };
    for (std::size_t round = 1; round <= rounds; ++round) {
      if (round > first_rounds) reported = 0;
      for (auto& pair : pairs) pair.second.write_all("x");
      while (bytes < round * pairs.size()) ramie::this_fiber::yield();
      if (round > first_rounds) {
        EXPECT_EQ(reported, pairs.size());
      }
    }
    kernel.on_events = nullptr;
  });
}

TEST(Cost, WhatComesSoonIsMetWithoutBlocking) {
  ramie::test::on_one_worker([] {
    ramie::test::test_pipe const pipe;
    int empty_looks = 0;
    kernel.on_events = [&](epoll_event const*, int count) {
      if (count == 0 && ++empty_looks == 8) pipe.put();
    };
    int const blocks = kernel.epoll_blocks;
    ramie::io::wait_readable(pipe.in());
    EXPECT_EQ(kernel.epoll_blocks - blocks, 0);
    kernel.on_events = nullptr;
  });
}

TEST(Cost, WhoHasWaitedLongBlocksAtOnce) {
  ramie::test::on_one_worker([] {
    ramie::test::test_pipe const pipe;
    auto reader = ramie::spawn([&] { ramie::io::wait_readable(pipe.in()); });
    ramie::test::settle();
    std::error_code error;
    auto* const poller = ramie::detail::poller::of_this_fiber(error);
    int const blocks = kernel.epoll_blocks;
    int const calls = kernel.epoll_wait.calls();
    constexpr int waits = 128;
    for (int i = 0; i < waits; ++i) {
      poller->wait_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(1));
    }
    int const looks = kernel.epoll_wait.calls() - calls - (kernel.epoll_blocks - blocks);
    // One try in vain, and one look in place of each wait whose deadline has come by then.
    EXPECT_LE(looks, 128 + waits);
    pipe.put();
    reader.join();
  });
}

// Its user may close it as soon as the wait has returned.
// The kernel says that it could send, and does not let it.
TEST(Cost, ADatagramThatAStrangerHasNoRoomForIsTriedFewTimes) {
  ramie::test::on_one_worker([] {
    auto server = ramie::io::unix_datagram_socket::bind("");
    auto stranger = ramie::io::unix_datagram_socket::bind("");
    auto const send_for = [&](std::chrono::milliseconds time) {
      ramie::deadline_scope const limit(time);
      std::error_code error;
      while (!error) stranger.send_to(server.local_address(), "x", error);
      EXPECT_EQ(error, std::errc::timed_out);
    };
    send_for(ramie::test::soon);  // From now on there is no room.
    int const calls = kernel.sendto.calls();
    send_for(std::chrono::milliseconds(100));
    EXPECT_LE(kernel.sendto.calls() - calls, 10);  // After 1, 2, 4, 8, 16, 32 and 50 ms.
  });
}

TEST(Cost, ADescriptorOfOthersIsInTheKernelsSetForOneWaitOnly) {
  ramie::test::on_one_worker([] {
    int const counter = ::eventfd(0, EFD_CLOEXEC);
    auto reader = ramie::spawn([&] { ramie::io::wait_readable(counter); });
    ramie::test::settle();
    ASSERT_EQ(::eventfd_write(counter, 1), 0);
    reader.join();
    for (int i = 0; i < 10; ++i) {
      int const before = kernel.epoll_ctl.calls();
      ramie::io::wait_readable(counter);
      EXPECT_EQ(kernel.epoll_ctl.calls() - before, 2);  // In and out.
    }
    ::close(counter);
  });
}

}  // namespace
