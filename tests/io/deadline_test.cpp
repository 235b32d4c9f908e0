// What I/O does when the deadline of a scope around it comes first.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <span>
#include <string>
#include <system_error>
#include <thread>

#include <ramie/io/tcp_listener.hpp>
#include <ramie/io/tcp_stream.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/spawn_blocking.hpp>

#include "../support/threads.hpp"
#include "sockets.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::deadline_scope;
using ramie::timed_out;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;
using ramie::test::on_fiber_and_thread;
using ramie::test::soon;

struct connection {
  tcp_listener listener = tcp_listener::bind("127.0.0.1", 0);
  tcp_stream ours = tcp_stream::connect("127.0.0.1", listener.local_address().port());
  tcp_stream theirs = listener.accept();
};

TEST(DeadlineOfAScopeAroundIo, IsThrownWithTheNameOfTheOperation) {
  on_fiber_and_thread([] {
    connection c;
    std::array<char, 16> buffer;
    deadline_scope const limit(soon);
    EXPECT_THROW((void)c.listener.accept(), timed_out);
    EXPECT_THROW((void)c.ours.read_exact(buffer), timed_out);
    try {
      (void)c.ours.read_some(buffer);
      ADD_FAILURE() << "there was nothing to read";
    } catch (timed_out const& error) {
      EXPECT_EQ(error.code(), std::errc::timed_out);
      EXPECT_NE(std::string(error.what()).find("read"), std::string::npos) << error.what();
    }
  });
}

// What ends its wait is the deadline, what it gets then is its cancellation: which must not leave
// the wait among those that a close looks for.
TEST(DeadlineOfAScopeAroundIo, EndsTheWaitOfACancelledJob) {
  connection c;
  std::atomic<bool> begun{false};
  auto job = ramie::spawn_blocking([&] {
    deadline_scope const limit(std::chrono::milliseconds(20));
    std::array<char, 16> buffer;
    begun = true;
    c.ours.read_some(buffer);
  });
  while (!begun) std::this_thread::yield();
  ramie::test::await_rest_of_others();
  job.cancel();
  // The time of a job that was late is over before it is cancelled.
  EXPECT_ANY_THROW(job.join());
  std::thread([&] {
    deadline_scope const limit(soon);
    std::array<char, 16> buffer;
    std::error_code error;
    c.ours.read_some(buffer, error);
    EXPECT_EQ(error, std::errc::timed_out);
  }).join();
}

TEST(DeadlineOfAScopeAroundIo, IsReportedInTheErrorCode) {
  on_fiber_and_thread([] {
    connection c;
    std::array<char, 16> buffer;
    deadline_scope const limit(soon);
    std::error_code error;
    EXPECT_EQ(c.ours.read_some(buffer, error), 0U);
    EXPECT_EQ(error, std::errc::timed_out);
    (void)c.listener.accept(error);
    EXPECT_EQ(error, std::errc::timed_out);
  });
}

TEST(DeadlineOfAScopeAroundIo, LosesNoByteAndLeavesTheStreamUsable) {
  on_fiber_and_thread([] {
    connection c;
    std::array<char, 4> buffer;
    {
      deadline_scope const limit(0s);
      c.theirs.write_all("ping");  // needs no waiting
      EXPECT_EQ(c.ours.read_some(buffer), 4U) << "what is there is read";
      EXPECT_THROW((void)c.ours.read_some(buffer), timed_out);
    }
    c.theirs.write_all("pong");
    c.ours.read_exact(buffer);
    EXPECT_EQ(std::string(buffer.data(), buffer.size()), "pong");
  });
}

TEST(DeadlineOfAScopeAroundIo, EndsAWriteThatNobodyReads) {
  on_fiber_and_thread([] {
    connection c;
    std::string const much(std::size_t{64} << 20, 'x');
    deadline_scope const limit(soon);
    EXPECT_THROW(c.ours.write_all(much), timed_out);
  });
}

}  // namespace
