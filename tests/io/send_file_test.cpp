#include <array>
#include <csignal>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include <ramie/io/file.hpp>
#include <ramie/io/unix_stream.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "sockets.hpp"
#include "temporary_folder.hpp"

namespace {

using ramie::spawn;
using ramie::io::file;
using ramie::io::tcp_stream;
using ramie::io::unix_stream;
using ramie::test::code_of;
using ramie::test::connect_pair;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::read_text;
using ramie::test::settle;
using ramie::test::temporary_folder;

file file_of(std::string const& path, std::string_view text) {
  file result = file::open(path, {.write = true, .create = true});
  result.write_all(text);
  return result;
}

/// Of which no two parts are alike.
std::string long_text(std::size_t size) {
  std::string result;
  for (std::uint32_t i = 0; result.size() < size; ++i) result += std::to_string(i) + ',';
  result.resize(size);
  return result;
}

TEST(SendFile, SendsAPartAndLeavesThePositionAlone) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    file source = file_of(folder.file("one"), "hello world");
    source.seek(1);
    auto pair = connect_pair();
    EXPECT_EQ(pair.client.send_file(source, 6, 5), 5U);
    EXPECT_EQ(read_text(pair.server, 5), "world");
    auto local = unix_stream::pair();
    EXPECT_EQ(local.first.send_file(source, 0, 5), 5U);
    EXPECT_EQ(read_text(local.second, 5), "hello");
    EXPECT_EQ(read_text(source, 4), "ello");
  });
}

TEST(SendFile, TheEndOfTheFileIsTold) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    file source = file_of(folder.file("one"), "hello world");
    auto pair = connect_pair();
    EXPECT_EQ(pair.client.send_file(source, 6, 1000), 5U);
    EXPECT_EQ(pair.client.send_file(source, 11, 1), 0U);
    EXPECT_EQ(pair.client.send_file(source, 5'000'000'000, 1), 0U);
    EXPECT_EQ(pair.client.send_file(source, 0, 0), 0U);
    EXPECT_EQ(read_text(pair.server, 5), "world");
  });
}

TEST(SendFile, MoreThanTheReceiverHasRoomForWaits) {
  on_one_worker([] {
    temporary_folder folder;
    std::string const text = long_text(20 << 20);
    file source = file_of(folder.file("one"), text);
    auto pair = connect_pair();
    auto sending = spawn([&] {
      std::uint64_t const sent = pair.client.send_file(source, 0, text.size());
      pair.client.shutdown_write();
      return sent;
    });
    settle();
    EXPECT_FALSE(sending.done());
    std::string got(text.size(), '?');
    pair.server.read_exact(got);
    EXPECT_EQ(sending.join(), text.size());
    EXPECT_TRUE(got == text);
    EXPECT_EQ(pair.server.read_some(got), 0U);
  });
}

TEST(SendFile, TheWaitCanBeEnded) {
  on_one_worker([] {
    temporary_folder folder;
    std::string const text = long_text(20 << 20);
    file source = file_of(folder.file("one"), text);
    auto pair = connect_pair();
    auto const send = [&] { pair.client.send_file(source, 0, text.size()); };
    {
      ramie::deadline_scope const limit(ramie::test::soon);
      EXPECT_THROW(send(), ramie::timed_out);
    }
    auto cancelled = spawn(send);
    settle();
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    auto closed = spawn(send);
    settle();
    pair.client.close();
    EXPECT_EQ(code_of([&] { closed.join(); }), std::errc::operation_canceled);
  });
}

/// Whether one waits for this thread to let it through.
bool sigpipe_is_pending() {
  sigset_t pending;
  ::sigpending(&pending);
  return ::sigismember(&pending, SIGPIPE) == 1;
}

// The reset comes while the kernel sends: it tells what it has sent, and raises the signal all the
// same.
TEST(SendFile, APeerThatLeavesInTheMiddleIsNoSignalEither) {
  std::signal(SIGPIPE, SIG_DFL);
  on_fiber_and_thread([] {
    temporary_folder folder;
    file source = file_of(folder.file("one"), std::string(4 << 20, 'x'));
    auto pair = connect_pair();
    pair.client.close();
    std::error_code error;
    pair.server.send_file(source, 0, 4 << 20, error);
    EXPECT_TRUE(error == std::errc::broken_pipe || error == std::errc::connection_reset)
        << error.message();
    EXPECT_FALSE(sigpipe_is_pending());
  });
}

TEST(SendFile, BadUseIsATypedErrorAndNoSignal) {
  std::signal(SIGPIPE, SIG_DFL);
  on_fiber_and_thread([] {
    temporary_folder folder;
    file source = file_of(folder.file("one"), "text");
    auto pair = connect_pair();
    std::uint64_t const far = std::numeric_limits<std::uint64_t>::max() - 10;
    EXPECT_EQ(code_of([&] { pair.client.send_file(source, far, 1); }), std::errc::invalid_argument);
    pair.client.shutdown_write();
    try {
      pair.client.send_file(source, 0, 4);
      ADD_FAILURE();
    } catch (std::system_error const& error) {
      EXPECT_EQ(error.code(), std::errc::broken_pipe);
      std::string const says = error.what();
      EXPECT_NE(says.find("send " + folder.file("one") + " to 127.0.0.1:"), says.npos) << says;
    }
    file closed;
    EXPECT_EQ(code_of([&] { pair.server.send_file(closed, 0, 1); }),
              std::errc::bad_file_descriptor);
    pair.server.close();
    EXPECT_EQ(code_of([&] { pair.server.send_file(source, 0, 1); }),
              std::errc::bad_file_descriptor);
  });
}

}  // namespace
