// Closing: who is woken, and what the number means afterwards.
#include <fcntl.h>

#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <system_error>
#include <thread>

#include <ramie/io/detail/descriptor.hpp>
#include <ramie/sched/deadline_scope.hpp>

#include "../support/eventfds.hpp"
#include "sockets.hpp"

namespace {

using ramie::spawn;
using ramie::detail::descriptor;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;
using ramie::test::connect_pair;
using ramie::test::read_text;
using ramie::test::settle;

RAMIE_TEST_WITH_WORKERS(CloseStress);

bool in_use(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

std::error_code read_one(tcp_stream& stream) {
  std::array<char, 1> buffer;
  std::error_code error;
  stream.read_some(buffer, error);
  return error;
}

TEST(Descriptor, TheNumberStaysInUseUntilTheLastOperationHasLeft) {
  int const fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  descriptor file(fd);
  {
    descriptor::operation const outer(file);
    {
      descriptor::operation const inner(file);
      ASSERT_TRUE(inner);
      file.close();
      EXPECT_FALSE(file.is_open());
      EXPECT_EQ(file.number(), -1);
    }
    EXPECT_TRUE(in_use(fd));
    descriptor::operation const late(file);
    EXPECT_FALSE(late);
  }
  EXPECT_FALSE(in_use(fd));
  file.close();
}

TEST(Descriptor, NoWaitBeginsOnceItIsClosed) {
  ramie::test::on_fiber_and_thread([] {
    descriptor file(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    descriptor::operation const running(file);
    file.close();
    EXPECT_EQ(file.wait(ramie::detail::direction::read), std::errc::operation_canceled);
    EXPECT_EQ(file.wait(ramie::detail::direction::write), std::errc::operation_canceled);
  });
}

TEST(Close, WakesAReaderAWriterAndAnAcceptor) {
  ramie::test::on_one_worker([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    auto reader = spawn([&] { return read_one(client); });
    auto writer = spawn([&] {
      std::error_code error;
      client.write_all(std::string(64 << 20, 'x'), error);
      return error;
    });
    auto acceptor = spawn([&] {
      std::error_code error;
      listener.accept(error);
      return error;
    });
    settle();
    EXPECT_FALSE(reader.done() || writer.done() || acceptor.done());
    client.close();
    listener.close();
    EXPECT_EQ(reader.join(), std::errc::operation_canceled);
    EXPECT_EQ(writer.join(), std::errc::operation_canceled);
    EXPECT_EQ(acceptor.join(), std::errc::operation_canceled);
  });
}

// Or each would take what the other one's thread is woken by.
TEST(Close, AThreadOfAForkedChildIsNotWokenForItsParents) {
  auto [client, server] = connect_pair();
  // A thread that has not waited yet.
  std::thread([&stream = client] {
    auto const wait = [&] {
      ramie::deadline_scope const limit(ramie::test::soon);
      std::error_code error;
      std::array<char, 1> buffer;
      stream.read_some(buffer, error);
      return error == std::errc::timed_out;
    };
    auto const bells = ramie::test::eventfds_opened_by([&] { EXPECT_TRUE(wait()); });
    ASSERT_EQ(bells.size(), 1U);
    pid_t const child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::_exit(wait() && ramie::test::open_eventfds().count(*bells.begin()) == 0 ? 7 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 7);
  }).join();
}

TEST(Close, WakesAPlainThread) {
  for (int i = 0; i < 50; ++i) {
    auto pair = connect_pair();
    auto& client = pair.client;
    std::error_code error;
    std::thread reader([&, &stream = client] { error = read_one(stream); });
    if (i % 2 == 0) std::this_thread::yield();
    client.close();  // Before, while or after the thread begins to wait.
    reader.join();
    EXPECT_TRUE(error == std::errc::operation_canceled || error == std::errc::bad_file_descriptor);
  }
}

TEST(Close, WakesAFiberOfAnotherRuntime) {
  ramie::test::on_one_worker([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    ramie::runtime other({.workers = 1});
    auto first = spawn([&, &stream = client] { return read_one(stream); });
    settle();
    server.write_all("x");
    EXPECT_FALSE(first.join());
    auto reader = other.spawn([&, &stream = client] { return read_one(stream); });
    while (!reader.done()) {
      client.close();
      ramie::this_fiber::yield();
    }
    auto const error = reader.join();
    EXPECT_TRUE(error == std::errc::operation_canceled || error == std::errc::bad_file_descriptor);
  });
}

TEST(Close, ANumberThatIsReusedAtOnceServesItsNewOwnerOnly) {
  ramie::test::on_one_worker([] {
    for (int i = 0; i < 200; ++i) {
      auto pair = connect_pair();
      auto& client = pair.client;
      auto& server = pair.server;
      auto next_pair = connect_pair();
      auto& next_client = next_pair.client;
      auto reader = spawn([&, &stream = client] { return read_one(stream); });
      settle();
      int const number = client.native_handle();
      client.close();
      server.close();
      settle();  // The reader leaves; the number is free.
      int const copy = ::fcntl(next_client.native_handle(), F_DUPFD_CLOEXEC, number);
      ::close(copy);
      auto again_pair = connect_pair();
      auto& again_client = again_pair.client;
      auto& again_server = again_pair.server;
      auto again = spawn([&, &stream = again_client] { return read_text(stream, 3); });
      settle();
      again_server.write_all("new");
      EXPECT_EQ(again.join(), "new");
      EXPECT_EQ(reader.join(), std::errc::operation_canceled);
      EXPECT_EQ(copy, number);
    }
  });
}

TEST_P(CloseStress, RacesWithReadersAndReuse) {
  run_it([] {
    for (int i = 0; i < 300; ++i) {
      auto pair = connect_pair();
      auto& client = pair.client;
      auto& server = pair.server;
      auto reader = spawn([&, &stream = client] {
        for (;;) {
          if (auto const error = read_one(stream)) return error;
        }
      });
      auto writer = spawn([&, &stream = server] {
        std::error_code error;
        for (int n = 0; n < i % 7; ++n) stream.write_all("x", error);
      });
      if (i % 3 == 0) ramie::this_fiber::yield();
      client.close();
      auto const error = reader.join();
      EXPECT_TRUE(error == std::errc::operation_canceled ||
                  error == std::errc::bad_file_descriptor);
      writer.join();
    }
  });
}

}  // namespace
