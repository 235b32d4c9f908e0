#include <ramie/io/select.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <thread>

#include <ramie/sched/blocking.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>
#include <ramie/sync/select.hpp>

#include "../support/threads.hpp"
#include "sockets.hpp"
#include "test_pipe.hpp"

namespace {

using ramie::after;
using ramie::channel;
using ramie::on_event;
using ramie::on_readable;
using ramie::on_receive;
using ramie::on_send;
using ramie::on_writable;
using ramie::otherwise;
using ramie::select;
using ramie::spawn;
using ramie::when;
using ramie::io::tcp_stream;
using ramie::test::code_of;
using ramie::test::connect_pair;
using ramie::test::forever;
using ramie::test::on_fiber_and_thread;
using ramie::test::read_text;
using ramie::test::settle;
using ramie::test::soon;
using ramie::test::test_pipe;

RAMIE_TEST_WITH_WORKERS(SelectIoStress);

constexpr auto nothing = [] {};
constexpr auto ignore = [](auto) {};

TEST(SelectIo, DescriptorsThatAreReady) {
  on_fiber_and_thread([] {
    test_pipe p;
    EXPECT_EQ(select(on_readable(p.in(), nothing), otherwise(nothing)), 1u);
    EXPECT_EQ(select(on_readable(p.in(), nothing), on_writable(p.out(), nothing)), 1u);
    p.put();
    bool taken = false;
    EXPECT_EQ(select(on_readable(p.in(), [&] { taken = p.take(); }), after(forever, nothing)), 0u);
    EXPECT_TRUE(taken);
    EXPECT_EQ(select(on_readable(p.in(), nothing), after(soon, nothing)), 1u);
  });
}

TEST(SelectIo, AStreamThatBecomesReadable) {
  on_fiber_and_thread([] {
    auto [client, server] = connect_pair();
    auto writer = spawn([&, to = &server] {
      ramie::this_fiber::sleep_for(soon);
      to->write_all("ping");
    });
    std::string got;
    EXPECT_EQ(select(after(forever, nothing),
                     on_readable(client, [&, from = &client] { got = read_text(*from, 4); })),
              1u);
    EXPECT_EQ(got, "ping");
    writer.join();
    EXPECT_EQ(select(on_readable(client, nothing), on_writable(client, nothing)), 1u);
    server.close();
    EXPECT_EQ(select(on_readable(client, nothing), after(forever, nothing)), 0u) << "its end";
  });
}

TEST(SelectIo, AListenerWithAConnection) {
  on_fiber_and_thread([] {
    auto listener = ramie::io::tcp_listener::bind("127.0.0.1", 0);
    std::uint16_t const port = listener.local_address().port();
    EXPECT_EQ(select(on_readable(listener, nothing), otherwise(nothing)), 1u);
    auto client = spawn([port] { return tcp_stream::connect("127.0.0.1", port); });
    tcp_stream accepted;
    EXPECT_EQ(select(on_readable(listener, [&] { accepted = listener.accept(); })), 0u);
    EXPECT_TRUE(accepted.is_open());
    client.join();
  });
}

TEST(SelectIo, AChannelAndAStreamInOne) {
  on_fiber_and_thread([] {
    auto [client, server] = connect_pair();
    channel<int> c(0);
    auto sender = spawn([&] {
      ramie::this_fiber::sleep_for(soon);
      c.send(5);
    });
    int got = 0;
    EXPECT_EQ(select(on_readable(client, nothing), on_receive(c, [&](auto v) { got = *v; })), 1u);
    EXPECT_EQ(got, 5);
    sender.join();
    // What the losing case has left behind is in nobody's way.
    server.write_all("late");
    EXPECT_EQ(select(on_readable(client, nothing), on_receive(c, ignore)), 0u);
    EXPECT_EQ(read_text(client, 4), "late");
    server.write_all("more");
    EXPECT_EQ(read_text(client, 4), "more");
  });
}

TEST(SelectIo, OneDescriptorInSeveralCases) {
  on_fiber_and_thread([] {
    auto [client, server] = connect_pair();
    auto writer = spawn([to = &server] {
      ramie::this_fiber::sleep_for(soon);
      to->write_all("x");
    });
    EXPECT_LT(select(on_readable(client, nothing), on_readable(client, nothing)), 2u);
    writer.join();
  });
}

TEST(SelectIo, ClosingTheStreamEndsIt) {
  on_fiber_and_thread([] {
    auto [client, server] = connect_pair();
    auto closer = spawn([what = &client] {
      ramie::this_fiber::sleep_for(soon);
      what->close();
    });
    EXPECT_EQ(
        code_of([what = &client] { select(on_readable(*what, nothing), after(forever, nothing)); }),
        std::errc::operation_canceled);
    closer.join();
    EXPECT_EQ(code_of([what = &client] { select(on_readable(*what, nothing)); }),
              std::errc::bad_file_descriptor);
    EXPECT_EQ(select(when(false, on_readable(client, nothing)), otherwise(nothing)), 1u);
  });
}

TEST(SelectIo, WhatIsNoDescriptorIsAnError) {
  on_fiber_and_thread([] {
    int const path = ::open("/", O_PATH | O_CLOEXEC);
    for (int const fd : {-1, 1'000'000, path}) {
      EXPECT_EQ(code_of([fd] { select(on_readable(fd, nothing), after(forever, nothing)); }),
                std::errc::bad_file_descriptor);
    }
    ::close(path);
    int const file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(select(on_readable(file, nothing), otherwise(nothing)), 0u);
    ::close(file);
  });
}

TEST(SelectIo, ASecondWaiterIsRefused) {
  ramie::test::on_one_worker([] {
    auto [client, server] = connect_pair();
    auto first = spawn([from = &client] { select(on_readable(*from, nothing)); });
    settle();
    EXPECT_EQ(code_of([from = &client] { select(on_readable(*from, nothing)); }),
              std::errc::device_or_resource_busy);
    EXPECT_EQ(select(on_readable(client, nothing), otherwise(nothing)), 1u) << "no wait, no clash";
    server.write_all("x");
    first.join();
  });
}

TEST(SelectIo, CancellationAndDeadlinesLeaveTheDescriptorUsable) {
  ramie::test::on_one_worker([] {
    auto [client, server] = connect_pair();
    auto waiting = spawn([from = &client] { select(on_readable(*from, nothing)); });
    settle();
    waiting.cancel();
    EXPECT_THROW(waiting.join(), ramie::cancelled);
    test_pipe p;
    {
      ramie::deadline_scope const limit(soon);
      EXPECT_THROW(select(on_readable(client, nothing), on_readable(p.in(), nothing)),
                   ramie::timed_out);
    }
    server.write_all("x");
    EXPECT_EQ(select(on_readable(client, nothing), on_readable(p.in(), nothing)), 0u);
    EXPECT_EQ(read_text(client, 1), "x");
    p.put();
    EXPECT_EQ(select(on_readable(client, nothing), on_readable(p.in(), nothing)), 1u);
  });
}

TEST(SelectIo, InABlockingSectionItsRuntimeWatches) {
  ramie::test::on_one_worker([] {
    test_pipe p;
    auto writer = spawn([&] {
      ramie::this_fiber::sleep_for(soon);
      p.put();
    });
    EXPECT_EQ(ramie::blocking(
                  [&] { return select(on_readable(p.in(), nothing), after(forever, nothing)); }),
              0u);
    writer.join();
  });
}

// The thread that has the worker meanwhile sleeps elsewhere than in the driver, which had nothing
// to watch.
TEST(SelectIo, InALaterBlockingSectionItsRuntimeWatches) {
  for (unsigned const workers : {1U, 2U}) {
    ramie::run({.workers = workers}, [] {
      test_pipe p;
      ramie::blocking([] {});
      std::thread writer;
      ramie::blocking([&] {
        writer = std::thread([&] {
          ramie::test::await_rest_of_others();
          p.put();
        });
        select(on_readable(p.in(), nothing));
      });
      writer.join();
    });
  }
}

TEST(SelectIo, ThatOutlivesTheDefaultRuntimeEndsByItsTime) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  static std::atomic<bool> over{false};
  EXPECT_EXIT(
      {
        // Runs after the end of the default runtime, which begins later.
        std::atexit([] {
          while (!over) std::this_thread::yield();
        });
        static auto const& never = *new test_pipe;  // longer than the statics
        std::thread([] {
          select(on_readable(never.in(), nothing), after(std::chrono::milliseconds(100), nothing));
          over = true;
          for (;;) ::pause();
        }).detach();
        spawn([] {}).join();
        ramie::test::await_rest_of_others();
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
}

/// An echo whose server selects between its stream, a channel and the end.
void echo_beside_a_channel(unsigned seed) {
  constexpr int messages = 300;
  auto [client, server] = connect_pair();
  channel<int> c(0);
  ramie::event quit;
  int echoed = 0;
  int received = 0;
  auto serving = spawn([&, stream = &server] {
    for (bool over = false; !over;) {
      select(on_readable(*stream,
                         [&] {
                           std::array<char, 16> buffer{};
                           std::size_t const size = stream->read_some(buffer);
                           stream->write_all(std::span<char const>(buffer).first(size));
                           echoed += static_cast<int>(size);
                         }),
             on_receive(c, [&](auto) { ++received; }), on_event(quit, [&] { over = true; }));
    }
  });
  auto sending = spawn([&, random = std::mt19937(seed)]() mutable {
    for (int i = 0; i < messages; ++i) {
      select(on_send(c, i, nothing));
      if (random() % 4 == 0) ramie::this_fiber::yield();
    }
  });
  for (int i = 0; i < messages; ++i) {
    client.write_all("x");
    bool got = false;
    select(on_readable(client, [&, from = &client] { got = read_text(*from, 1) == "x"; }));
    ASSERT_TRUE(got);
  }
  sending.join();
  quit.set();
  serving.join();
  EXPECT_EQ(echoed, messages);
  EXPECT_EQ(received, messages);
}

TEST_P(SelectIoStress, StreamsAndChannelsServedByOneFiber) {
  unsigned const seed = ramie::test::test_seed();
  SCOPED_TRACE(seed);
  run_it([seed] {
    ramie::test::fibers_and_threads(
        4, [seed](int who) { echo_beside_a_channel(seed + static_cast<unsigned>(who)); });
  });
}

TEST_P(SelectIoStress, ClosingRacesWithTheWait) {
  run_it([] {
    for (int round = 0; round < 100; ++round) {
      ramie::test::fibers_and_threads(2, [round](int who) {
        auto [client, server] = connect_pair();
        auto closer = spawn([=, what = &client] {
          ramie::test::pause_for(round * (who + 3) % 200);
          what->close();
        });
        auto const code = code_of([from = &client] { select(on_readable(*from, nothing)); });
        EXPECT_TRUE(code == std::errc::operation_canceled || code == std::errc::bad_file_descriptor)
            << code.message();
        closer.join();
      });
    }
  });
}

}  // namespace
