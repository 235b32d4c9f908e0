#include <ramie/io/pipe.hpp>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>

#include <ramie/io/select.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/select.hpp>

#include "../support/fibers.hpp"
#include "signals.hpp"

namespace {

using ramie::spawn;
using ramie::io::const_buffer;
using ramie::io::pipe;
using ramie::io::pipe_reader;
using ramie::io::pipe_writer;
using ramie::test::code_of;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::raise_here;
using ramie::test::settle;

TEST(Pipe, CarriesBytesToItsEnd) {
  on_fiber_and_thread([] {
    pipe tube = pipe::open();
    EXPECT_EQ(tube.writer.write_all(std::array<const_buffer, 2>{"he", "llo"}), 5U);
    std::string text(5, '?');
    EXPECT_EQ(tube.reader.read_exact(text), 5U);
    EXPECT_EQ(text, "hello");
    tube.writer.close();
    EXPECT_EQ(tube.reader.read_some(text), 0U);
    EXPECT_EQ(code_of([&] { tube.writer.write_all("x"); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(tube.writer.describe(), "a closed pipe");
  });
}

TEST(Pipe, BothEndsWait) {
  on_one_worker([] {
    pipe tube = pipe::open();
    auto reader = spawn([&] {
      std::string text(1, '?');
      tube.reader.read_exact(text);
      return text;
    });
    settle();
    EXPECT_FALSE(reader.done());
    tube.writer.write_all("x");
    EXPECT_EQ(reader.join(), "x");
    std::string const large(1 << 20, 'y');
    auto writer = spawn([&] { tube.writer.write_all(large); });
    settle();
    EXPECT_FALSE(writer.done());
    std::string got(large.size(), '?');
    tube.reader.read_exact(got);
    writer.join();
    EXPECT_EQ(got, large);
  });
}

TEST(Pipe, CloseAndCancellationEndAWait) {
  on_one_worker([] {
    pipe tube = pipe::open();
    auto const read_one = [&] {
      std::string text(1, '?');
      tube.reader.read_some(text);
    };
    auto cancelled = spawn(read_one);
    settle();
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    auto closed = spawn(read_one);
    settle();
    tube.reader.close();
    EXPECT_EQ(code_of([&] { closed.join(); }), std::errc::operation_canceled);
  });
}

/// How often SIGPIPE has come.
volatile sig_atomic_t signals = 0;

class counted_sigpipe {
 public:
  counted_sigpipe() {
    signals = 0;
    before_ = ::signal(SIGPIPE, [](int) { signals = signals + 1; });
  }
  counted_sigpipe(counted_sigpipe const&) = delete;
  counted_sigpipe& operator=(counted_sigpipe const&) = delete;
  ~counted_sigpipe() { ::signal(SIGPIPE, before_); }

 private:
  sighandler_t before_;
};

TEST(Pipe, WithoutAReaderAWriteIsAnErrorAndNoSignal) {
  counted_sigpipe const counted;
  on_fiber_and_thread([] {
    pipe tube = pipe::open();
    tube.reader.close();
    std::error_code error;
    EXPECT_EQ(tube.writer.write_all("x", error), 0U);
    EXPECT_EQ(error, std::errc::broken_pipe);
    EXPECT_EQ(signals, 0);
    // Nor is it pending, or blocked where it was not.
    raise_here(SIGPIPE);
    EXPECT_EQ(signals, 1);
    signals = 0;
  });
}

TEST(Pipe, ABlockedSigpipeThatIsPendingStaysPending) {
  counted_sigpipe const counted;
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, SIGPIPE);
  sigset_t before;
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &only, &before), 0);
  ::raise(SIGPIPE);
  pipe tube = pipe::open();
  tube.reader.close();
  EXPECT_EQ(code_of([&] { tube.writer.write_all("x"); }), std::errc::broken_pipe);
  EXPECT_EQ(signals, 0);
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  EXPECT_EQ(signals, 1);
}

TEST(Pipe, TakesDescriptorsOfOthersAndMakesThemNonBlocking) {
  on_fiber_and_thread([] {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pipe_reader reader(ends[0]);
    pipe_writer writer(ends[1]);
    EXPECT_NE(::fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(reader.native_handle(), ends[0]);
    writer.write_all("x");
    std::string text(1, '?');
    reader.read_exact(text);
    EXPECT_EQ(text, "x");
    EXPECT_FALSE(pipe_reader(-1).is_open());
  });
}

TEST(Pipe, CanBeSelected) {
  on_one_worker([] {
    pipe tube = pipe::open();
    auto const readable = [&] {
      return ramie::select(ramie::on_readable(tube.reader, ramie::test::nothing),
                           ramie::otherwise(ramie::test::nothing));
    };
    EXPECT_EQ(readable(), 1U);
    EXPECT_EQ(ramie::select(ramie::on_writable(tube.writer, ramie::test::nothing)), 0U);
    tube.writer.write_all("x");
    EXPECT_EQ(readable(), 0U);
  });
}

}  // namespace
