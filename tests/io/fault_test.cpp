// System calls that fail: the error is typed, nobody hangs, no descriptor is lost, and the next
// attempt works.
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <ramie/io/process.hpp>
#include <ramie/io/signal_set.hpp>
#include <ramie/io/unix_listener.hpp>
#include <ramie/io/unix_stream.hpp>
#include <ramie/io/wait.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "kernel.hpp"
#include "signals.hpp"
#include "sockets.hpp"
#include "temporary_folder.hpp"
#include "test_pipe.hpp"

namespace {

using ramie::spawn;
using ramie::io::process;
using ramie::io::standard_stream;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;
using ramie::io::unix_listener;
using ramie::test::code_of;
using ramie::test::connect_pair;
using ramie::test::kernel;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::read_text;
using ramie::test::settle;

long open_descriptors() {
  using std::filesystem::directory_iterator;
  return std::distance(directory_iterator("/proc/self/fd"), directory_iterator());
}

std::error_code read_one(tcp_stream& stream) {
  std::array<char, 1> buffer;
  std::error_code error;
  stream.read_some(buffer, error);
  return error;
}

std::error_code system_error(int error) {
  return {error, std::system_category()};
}

/// Until the reader has parked and been woken once: the runtime's loop is there.
void exchange(ramie::test::connection& pair) {
  auto reader = spawn([&] { return read_text(pair.client, 1); });
  settle();
  pair.server.write_all("x");
  EXPECT_EQ(reader.join(), "x");
}

TEST(Fault, ARefusedRegistrationEndsTheWait) {
  on_one_worker([] {
    auto other = connect_pair();
    exchange(other);
    auto pair = connect_pair();
    kernel.epoll_ctl.fail(ENOSPC);
    // Nothing else happens: the worker would block.
    EXPECT_EQ(read_one(pair.server), ramie::io::errc::registration_failed);
    kernel.epoll_ctl.fail(ENOMEM);
    std::error_code error;
    ramie::io::wait_readable(pair.server.native_handle(), error);
    EXPECT_EQ(error, ramie::io::errc::registration_failed);
    exchange(pair);
    pair.client.write_all("x");
    EXPECT_FALSE(read_one(pair.server));
  });
}

TEST(Fault, ARefusedSecondDirectionEndsBothWaits) {
  on_one_worker([] {
    auto pair = connect_pair();
    exchange(pair);
    // Until the worker has blocked, and for that has given up the direction that nobody waits for.
    int const blocks = kernel.epoll_blocks;
    while (kernel.epoll_blocks == blocks)
      ramie::this_fiber::sleep_for(std::chrono::milliseconds(1));
    auto reader = spawn([&] { return read_one(pair.client); });
    settle();
    kernel.epoll_ctl.fail(ENOMEM);
    std::error_code error;
    pair.client.write_all(std::string(64 << 20, 'x'), error);
    EXPECT_EQ(error, ramie::io::errc::registration_failed);
    EXPECT_EQ(reader.join(), ramie::io::errc::registration_failed);
    exchange(pair);
  });
}

/// The first wait of a runtime fails while `call` does, in both forms, and works after that.
void expect_no_loop(ramie::test::kernel_call& call, int error, std::error_code expected) {
  auto pair = connect_pair();
  long const before = open_descriptors();
  on_one_worker([&] {
    call.fail(error, 2);
    EXPECT_EQ(read_one(pair.client), expected);
    try {
      ramie::io::wait_readable(pair.client.native_handle());
      ADD_FAILURE();
    } catch (std::system_error const& refused) {
      EXPECT_EQ(refused.code(), expected);
    }
    exchange(pair);
  });
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Fault, ARuntimeThatGetsNoLoopIsATypedError) {
  expect_no_loop(kernel.epoll_create1, EMFILE, system_error(EMFILE));
  expect_no_loop(kernel.eventfd, ENFILE, system_error(ENFILE));
  expect_no_loop(kernel.epoll_ctl, ENOMEM, ramie::io::errc::registration_failed);
}

TEST(Fault, APlainThreadIsToldWhyItCannotWait) {
  auto pair = connect_pair();
  std::thread([&] {
    kernel.eventfd.fail(EMFILE);
    EXPECT_EQ(read_one(pair.client), std::errc::too_many_files_open);
    kernel.ppoll.fail(ENOMEM);
    EXPECT_EQ(read_one(pair.client), std::errc::not_enough_memory);
    // The wait that failed has left its place.
    kernel.ppoll.fail(EINTR, 3);
    std::thread writer([&] { pair.server.write_all("x"); });
    EXPECT_FALSE(read_one(pair.client));
    writer.join();
  }).join();
}

// It does so when the kernel reports a file that lives on behind a number that is closed.
TEST(Fault, ALoopThatFindsNoDescriptorForItsNewSetTriesAgain) {
  on_one_worker([] {
    int const given = ::eventfd(0, EFD_CLOEXEC);
    int const same = ::dup(given);
    {
      ramie::deadline_scope const limit(ramie::test::soon);
      std::error_code error;
      ramie::io::wait_readable(given, error);
      EXPECT_EQ(error, std::errc::timed_out);
    }
    ::close(given);
    int const before = kernel.epoll_create1.calls();
    kernel.epoll_create1.fail(EMFILE, 3);
    ASSERT_EQ(::eventfd_write(same, 1), 0);
    ramie::test::test_pipe p;
    auto reader = spawn([&] { ramie::io::wait_readable(p.in()); });
    while (kernel.epoll_create1.calls() == before) ramie::this_fiber::yield();
    p.put();
    reader.join();
    EXPECT_EQ(kernel.epoll_create1.calls(), before + 4);
    ::close(same);
  });
}

TEST(Fault, AForkedChildWithoutADescriptorToSpareHearsItsSignals) {
  ramie::io::signal_set set{SIGUSR1};
  kernel.eventfd.fail(EMFILE);
  pid_t const child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // What was to be refused has been.
    bool const refused = !code_of([] { ramie::io::signal_set{SIGUSR2}; });
    ramie::test::raise_here(SIGUSR1);
    ::_exit(refused && set.wait() == SIGUSR1 ? 7 : 1);
  }
  kernel.eventfd.fail(0, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(Fault, APlainThreadIsToldThatItsNumberWasClosed) {
  int const counter = ::eventfd(0, EFD_CLOEXEC);
  kernel.on_ppoll = [=] { ::close(counter); };
  std::error_code error;
  ramie::io::wait_readable(counter, error);
  kernel.on_ppoll = nullptr;
  EXPECT_EQ(error, std::errc::bad_file_descriptor);
}

TEST(Fault, ASecondPlainThreadIsToldThatThereIsOne) {
  auto pair = connect_pair();
  int const before = kernel.ppoll.calls();
  std::thread first([&] { EXPECT_FALSE(read_one(pair.client)); });
  while (kernel.ppoll.calls() == before) std::this_thread::yield();
  EXPECT_EQ(read_one(pair.client), std::errc::device_or_resource_busy);
  pair.server.write_all("x");
  first.join();
}

TEST(Fault, SignalsInterruptNothing) {
  on_fiber_and_thread([] {
    kernel.epoll_wait.fail(EINTR, 3);
    kernel.accept4.fail(EINTR, 3);
    auto pair = connect_pair();
    kernel.send.fail(EINTR, 3);
    kernel.recv.fail(EINTR, 3);
    pair.client.write_all("ping");
    EXPECT_EQ(read_text(pair.server, 4), "ping");
  });
}

TEST(Fault, AnInterruptedConnectGoesOn) {
  on_fiber_and_thread([] {
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    auto const where = listener.local_address();
    kernel.connect.interrupt();
    auto client = tcp_stream::connect(where);
    auto server = listener.accept();
    client.write_all("x");
    EXPECT_EQ(read_text(server, 1), "x");
    listener.close();
    kernel.connect.interrupt();
    std::error_code error;
    EXPECT_FALSE(tcp_stream::connect(where, error).is_open());
    EXPECT_EQ(error, std::errc::connection_refused);
  });
}

TEST(Fault, AcceptSkipsConnectionsThatAreGone) {
  on_fiber_and_thread([] {
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    auto client = tcp_stream::connect(listener.local_address());
    for (int error : {ECONNABORTED, EPROTO, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH,
                      ENOPROTOOPT, ENONET}) {
      kernel.accept4.fail(error);
      EXPECT_TRUE(listener.accept().is_open()) << error;
      client = tcp_stream::connect(listener.local_address());
    }
  });
}

TEST(Fault, AcceptReportsWhatIsNotTheConnectionsFault) {
  on_fiber_and_thread([] {
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    auto client = tcp_stream::connect(listener.local_address());
    for (int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM}) {
      kernel.accept4.fail(error);
      std::error_code refused;
      EXPECT_FALSE(listener.accept(refused).is_open());
      EXPECT_EQ(refused, system_error(error));
    }
    EXPECT_TRUE(listener.accept().is_open());
  });
}

TEST(Fault, ASocketThatCannotBeSetUpIsClosed) {
  on_fiber_and_thread([] {
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    auto const where = listener.local_address();
    auto first = tcp_stream::connect(where);  // What the wait needs is open from here on.
    long const before = open_descriptors();
    for (auto* call : {&kernel.socket, &kernel.setsockopt, &kernel.listen}) {
      call->fail(ENOBUFS);
      std::error_code error;
      EXPECT_FALSE(tcp_listener::bind("127.0.0.1", 0, error).is_open());
      EXPECT_EQ(error, std::errc::no_buffer_space);
    }
    for (auto* call : {&kernel.socket, &kernel.getsockopt}) {
      call->fail(ENOBUFS);
      std::error_code error;
      EXPECT_FALSE(tcp_stream::connect(where, error).is_open());
      EXPECT_EQ(error, std::errc::no_buffer_space);
    }
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_TRUE(tcp_stream::connect(where).is_open());
  });
}

TEST(Fault, ASignalThatComesWhileItsSetIsMadeIsNotLost) {
  on_fiber_and_thread([] {
    kernel.on_sigaction = ramie::test::raise_here;
    ramie::io::signal_set set{SIGUSR1, SIGUSR2};
    kernel.on_sigaction = nullptr;
    EXPECT_EQ(set.try_wait(), SIGUSR1);
    EXPECT_EQ(set.try_wait(), SIGUSR2);
    EXPECT_EQ(set.try_wait(), std::nullopt);
  });
}

// Between bind and listen nobody can connect to it, as to one that nobody has open.
TEST(Fault, AListenerInTheMakingIsNotTakenForAStaleOne) {
  on_fiber_and_thread([] {
    ramie::test::temporary_folder folder;
    std::string const path = folder.file("socket");
    std::error_code late;
    bool first = true;
    kernel.on_listen = [&] {
      if (!std::exchange(first, false)) return;
      std::thread([&] { unix_listener::bind(path, late); }).join();
    };
    auto const listener = unix_listener::bind(path);
    kernel.on_listen = nullptr;
    EXPECT_EQ(late, std::errc::address_in_use);
    EXPECT_TRUE(ramie::io::unix_stream::connect(path).is_open());
  });
}

// As a program that ignores SIGCHLD brings about, or one that waits for any child.
TEST(Fault, AChildWhoseStatusIsTakenAtOnceHasRunAllTheSame) {
  on_fiber_and_thread([] {
    kernel.on_child = [](pid_t id) { EXPECT_EQ(::waitpid(id, nullptr, 0), id); };
    process gone = process::spawn({"echo", "hello"}, {.output = standard_stream::piped});
    kernel.on_child = nullptr;
    std::string text(6, '?');
    gone.output().read_exact(text);
    EXPECT_EQ(text, "hello\n");
    EXPECT_EQ(code_of([&] { gone.kill(SIGTERM); }), std::errc::no_such_process);
    EXPECT_EQ(code_of([&] { gone.wait(); }), std::errc::no_child_process);
  });
}

TEST(Fault, AWriteThatFailsHalfwaySaysHowFarItCame) {
  on_one_worker([] {
    auto pair = connect_pair();
    std::string const text(64 << 20, 'x');
    std::size_t written = 0;
    std::error_code error;
    auto writer = spawn([&] {
      written = pair.client.write_all(text, error);
      pair.client.close();
    });
    settle();
    kernel.send.fail(ENOBUFS);
    std::size_t received = 0;
    std::string buffer(1 << 16, ' ');
    while (std::size_t const count = pair.server.read_some(buffer)) received += count;
    writer.join();
    EXPECT_EQ(error, std::errc::no_buffer_space);
    EXPECT_GT(written, 0u);
    EXPECT_EQ(received, written);
  });
}

}  // namespace
