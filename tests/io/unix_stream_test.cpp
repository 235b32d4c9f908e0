#include <ramie/io/unix_stream.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include <ramie/io/unix_datagram_socket.hpp>
#include <ramie/io/unix_listener.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "sockets.hpp"
#include "temporary_folder.hpp"

namespace {

using ramie::spawn;
using ramie::io::owned_descriptor;
using ramie::io::unix_address;
using ramie::io::unix_datagram_socket;
using ramie::io::unix_listener;
using ramie::io::unix_stream;
using ramie::test::code_of;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::read_text;
using ramie::test::same_file;
using ramie::test::settle;
using ramie::test::temporary_folder;

TEST(UnixAddress, TakesPathsAndAbstractNames) {
  std::error_code error;
  auto const path = unix_address::parse("/tmp/a socket", error);
  EXPECT_FALSE(error);
  EXPECT_EQ(path.name(), "/tmp/a socket");
  EXPECT_EQ(path.to_string(), "/tmp/a socket");
  using namespace std::string_view_literals;
  auto const abstract = unix_address::parse("\0a\0b"sv, error);
  EXPECT_FALSE(error);
  EXPECT_EQ(abstract.name(), "\0a\0b"sv);
  EXPECT_EQ(abstract.to_string(), "@a@b");
  EXPECT_EQ(unix_address::from(abstract.native(), abstract.native_size()).name(), "\0a\0b"sv);
  EXPECT_EQ(unix_address::from(path.native(), path.native_size()).name(), "/tmp/a socket");
  EXPECT_FALSE(unix_address());
  EXPECT_EQ(unix_address().to_string(), "?");
  EXPECT_TRUE(unix_address::parse(std::string(107, 'x'), error));
  EXPECT_FALSE(unix_address::parse(std::string(108, 'x'), error));
  EXPECT_EQ(error, std::errc::filename_too_long);
  EXPECT_FALSE(unix_address::parse("", error));
  EXPECT_EQ(error, std::errc::invalid_argument);
  EXPECT_FALSE(unix_address::parse("a\0b"sv, error));
  EXPECT_EQ(error, std::errc::invalid_argument);
  sockaddr_in const other = {.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  EXPECT_FALSE(unix_address::from(reinterpret_cast<sockaddr const*>(&other), sizeof other));
}

TEST(UnixStream, ConnectsByPathAndByAbstractName) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    for (std::string const& name : {folder.file("socket"), '\0' + folder.file("abstract")}) {
      auto listener = unix_listener::bind(name);
      EXPECT_EQ(listener.local_address().name(), name);
      auto client = unix_stream::connect(name);
      auto server = listener.accept();
      client.write_all("ping");
      EXPECT_EQ(read_text(server, 4), "ping");
      server.write_all("pong");
      server.shutdown_write();
      EXPECT_EQ(read_text(client, 4), "pong");
      std::string rest(1, '?');
      EXPECT_EQ(client.read_some(rest), 0U);
      EXPECT_EQ(server.peer_credentials().process, ::getpid());
      EXPECT_EQ(client.peer_credentials().user, ::getuid());
    }
  });
}

TEST(UnixStream, WhatIsNotThereIsATypedErrorThatNamesIt) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    std::string const path = folder.file("nothing");
    EXPECT_EQ(code_of([&] { unix_stream::connect(path); }), std::errc::no_such_file_or_directory);
    try {
      unix_stream::connect(path);
      ADD_FAILURE();
    } catch (std::system_error const& error) {
      EXPECT_NE(std::string(error.what()).find("connect " + path), std::string::npos);
    }
    { auto const listener = unix_listener::bind(path); }
    std::error_code error;
    unix_stream::connect(path, error);
    EXPECT_EQ(error, std::errc::connection_refused);
    unix_stream closed;
    EXPECT_EQ(code_of([&] { closed.write_all("x"); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { closed.peer_credentials(); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { closed.shutdown_write(); }), std::errc::bad_file_descriptor);
  });
}

TEST(UnixStream, APeerThatIsGoneIsAnErrorAndNoSignal) {
  on_fiber_and_thread([] {
    auto [one, other] = unix_stream::pair();
    other.close();
    EXPECT_EQ(code_of([&one = one] { one.write_all("x"); }), std::errc::broken_pipe);
  });
}

TEST(UnixStream, ReaderAndWriterWaitAndCloseEndsTheirWaits) {
  on_one_worker([] {
    auto pair = unix_stream::pair();
    auto reader = spawn([&] { return read_text(pair.first, 1); });
    auto writer = spawn([&] { pair.first.write_all(std::string(8 << 20, 'x')); });
    settle();
    EXPECT_FALSE(reader.done());
    EXPECT_FALSE(writer.done());
    pair.first.close();
    EXPECT_EQ(code_of([&] { reader.join(); }), std::errc::operation_canceled);
    EXPECT_EQ(code_of([&] { writer.join(); }), std::errc::operation_canceled);
  });
}

TEST(UnixStream, AFullBacklogIsWaitedFor) {
  on_one_worker([] {
    temporary_folder folder;
    std::string const path = folder.file("socket");
    auto listener = unix_listener::bind(path, {.backlog = 0});
    std::vector<unix_stream> clients;
    std::error_code error;
    while (!error) {
      ramie::deadline_scope const limit(ramie::test::soon);
      clients.push_back(unix_stream::connect(path, error));
    }
    EXPECT_EQ(error, std::errc::timed_out);
    auto given_up = spawn([&] { return unix_stream::connect(path); });
    auto late = spawn([&] { return unix_stream::connect(path); });
    settle();
    given_up.cancel();
    EXPECT_THROW(given_up.join(), ramie::cancelled);
    for (std::size_t i = 0; i < clients.size(); ++i) listener.accept();
    EXPECT_TRUE(late.join().is_open());
  });
}

TEST(UnixStream, DescriptorsGoAlongWithBytes) {
  on_fiber_and_thread([] {
    auto [one, other] = unix_stream::pair();
    auto carried = unix_stream::pair();
    std::array<int, 2> const sent{carried.first.native_handle(), carried.second.native_handle()};
    EXPECT_EQ(one.write_descriptors("two", sent), 3U);
    EXPECT_EQ(one.write_descriptors("none", {}), 4U);
    std::string text(10, '?');
    std::vector<owned_descriptor> got;
    EXPECT_EQ(other.read_descriptors(text, got), 3U);
    ASSERT_EQ(got.size(), 2U);
    EXPECT_TRUE(same_file(got[0].get(), sent[0]));
    EXPECT_TRUE(same_file(got[1].get(), sent[1]));
    EXPECT_NE(got[0].get(), sent[0]);
    EXPECT_NE(::fcntl(got[0].get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(other.read_descriptors(text, got), 4U);
    EXPECT_EQ(got.size(), 2U);
    one.close();
    EXPECT_EQ(other.read_descriptors(text, got), 0U);
  });
}

TEST(UnixStream, BadDescriptorsAreTypedErrors) {
  on_fiber_and_thread([] {
    auto [one, other] = unix_stream::pair();
    std::array<int, 1> const bad{-1};
    std::array<int, 1> const good{one.native_handle()};
    std::vector<int> const many(254, one.native_handle());
    std::error_code error;
    EXPECT_EQ(one.write_descriptors("x", bad, error), 0U);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
    EXPECT_EQ(one.write_descriptors("", good, error), 0U);
    EXPECT_EQ(error, std::errc::invalid_argument);
    EXPECT_EQ(one.write_descriptors("x", many, error), 0U);
    EXPECT_EQ(error, std::errc::invalid_argument);
    EXPECT_EQ(one.write_descriptors("x", std::span(many).first(253), error), 1U);
    EXPECT_FALSE(error);
    std::string text(1, '?');
    std::vector<owned_descriptor> got;
    other.read_descriptors(text, got);
    EXPECT_EQ(got.size(), 253U);
  });
}

TEST(UnixStream, AReaderOfDescriptorsWaitsForThem) {
  on_one_worker([] {
    auto pair = unix_stream::pair();
    std::vector<owned_descriptor> got;
    auto reader = spawn([&] {
      std::string text(10, '?');
      return pair.second.read_descriptors(text, got);
    });
    settle();
    EXPECT_FALSE(reader.done());
    std::array<int, 1> const sent{pair.first.native_handle()};
    pair.first.write_descriptors("x", sent);
    EXPECT_EQ(reader.join(), 1U);
    EXPECT_EQ(got.size(), 1U);
  });
}

/// In a process of its own: descriptors that there is no number for.
[[noreturn]] void receive_without_numbers() {
  bool const good = ramie::run({.workers = 1}, [] {
    auto pair = unix_stream::pair();
    auto warm = spawn([&] { return read_text(pair.second, 1); });
    settle();
    pair.first.write_all("w");
    warm.join();
    std::array<int, 2> const sent{pair.first.native_handle(), pair.first.native_handle()};
    pair.first.write_descriptors("x", sent);
    int const next = ::dup(sent[0]);
    ::close(next);
    ramie::test::know_error_categories();
    auto const most = static_cast<rlim_t>(next + 1);
    rlimit const limit = {most, most};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    std::vector<owned_descriptor> got;
    std::error_code error;
    std::string text(1, '?');
    std::size_t const count = pair.second.read_descriptors(text, got, error);
    return count == 1 && text == "x" && got.size() == 1 && error == std::errc::too_many_files_open;
  });
  std::_Exit(good ? 0 : 1);
}

TEST(UnixStreamDeathTest, DescriptorsThatThereIsNoRoomForAreATypedError) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(receive_without_numbers(), testing::ExitedWithCode(0), "");
}

TEST(UnixListener, TakesThePlaceOfAStaleSocketOnly) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    std::string const path = folder.file("socket");
    { auto const first = unix_listener::bind(path); }
    EXPECT_EQ(code_of([&] { unix_listener::bind(path, {.replace_stale = false}); }),
              std::errc::address_in_use);
    auto second = unix_listener::bind(path);
    EXPECT_EQ(code_of([&] { unix_listener::bind(path); }), std::errc::address_in_use);
    std::string const file = folder.file("file");
    owned_descriptor const made(::open(file.c_str(), O_CREAT | O_CLOEXEC, 0600));
    std::error_code error;
    unix_listener::bind(file, error);
    EXPECT_EQ(error, std::errc::address_in_use);
    EXPECT_EQ(::access(file.c_str(), F_OK), 0);
    unix_listener::bind(folder.file("none") + "/socket", error);
    EXPECT_EQ(error, std::errc::no_such_file_or_directory);
    EXPECT_TRUE(unix_stream::connect(path).is_open());
    second.close();
    EXPECT_FALSE(second.local_address());
    EXPECT_EQ(code_of([&] { second.accept(); }), std::errc::bad_file_descriptor);
  });
}

// Who looks whether a socket is stale, and then removes it, has the folder for itself.
TEST(UnixListener, AStaleSocketInALockedFolderIsLeftAlone) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    std::string const path = folder.file("socket");
    { auto const first = unix_listener::bind(path); }
    {
      owned_descriptor const locked(
          ::open(folder.file("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      ASSERT_EQ(::flock(locked.get(), LOCK_EX), 0);
      EXPECT_EQ(code_of([&] { unix_listener::bind(path); }), std::errc::address_in_use);
      EXPECT_EQ(code_of([&] { unix_datagram_socket::bind(path); }), std::errc::address_in_use);
    }
    EXPECT_TRUE(unix_listener::bind(path).is_open());
    EXPECT_TRUE(unix_datagram_socket::bind(path).is_open());
  });
}

TEST(UnixListener, AcceptWaitsAndCanBeEnded) {
  on_one_worker([] {
    temporary_folder folder;
    auto listener = unix_listener::bind(folder.file("socket"));
    auto cancelled = spawn([&] { return listener.accept(); });
    settle();
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    auto served = spawn([&] { return listener.accept(); });
    settle();
    auto const client = unix_stream::connect(folder.file("socket"));
    EXPECT_TRUE(served.join().is_open());
    auto closed = spawn([&] { return listener.accept(); });
    settle();
    listener.close();
    EXPECT_EQ(code_of([&] { closed.join(); }), std::errc::operation_canceled);
  });
}

}  // namespace
