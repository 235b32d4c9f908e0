#include <ramie/io/unix_datagram_socket.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ramie/io/file.hpp>
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
using ramie::test::code_of;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::same_file;
using ramie::test::settle;
using ramie::test::temporary_folder;

std::string text_of(unix_datagram_socket& from) {
  std::string text(100, '?');
  text.resize(from.receive(text).size);
  return text;
}

unix_address address_of(std::string_view name) {
  std::error_code error;
  unix_address const result = unix_address::parse(name, error);
  EXPECT_FALSE(error);
  return result;
}

TEST(UnixDatagramSocket, DatagramsKeepTheirBoundariesAndNameTheirSender) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    for (std::string const& name : {folder.file("socket"), '\0' + folder.file("abstract")}) {
      auto server = unix_datagram_socket::bind(name);
      EXPECT_EQ(server.local_address().name(), name);
      auto client = unix_datagram_socket::connect(name);
      EXPECT_EQ(client.remote_address().name(), name);
      EXPECT_EQ(client.send("one"), 3U);
      EXPECT_EQ(client.send(""), 0U);
      std::string text(2, '?');
      auto const first = server.receive(text);
      EXPECT_EQ(text, "on");
      EXPECT_TRUE(first.truncated);
      EXPECT_EQ(server.receive(text).size, 0U);
      EXPECT_EQ(first.from.name(), client.local_address().name());
      server.send_to(first.from, "answer");
      EXPECT_EQ(text_of(client), "answer");
    }
  });
}

TEST(UnixDatagramSocket, AnyFreeNameIsOneThatOthersCanSendTo) {
  on_fiber_and_thread([] {
    auto first = unix_datagram_socket::bind("");
    auto second = unix_datagram_socket::bind("");
    EXPECT_NE(first.local_address().name(), second.local_address().name());
    first.send_to(second.local_address(), "x");
    EXPECT_EQ(text_of(second), "x");
  });
}

TEST(UnixDatagramSocket, APairIsConnected) {
  on_fiber_and_thread([] {
    auto [first, second] = unix_datagram_socket::pair();
    first.send("there");
    EXPECT_EQ(text_of(second), "there");
    second.send("back");
    EXPECT_EQ(text_of(first), "back");
    std::array<unix_datagram_socket::outgoing, 2> const out{unix_datagram_socket::outgoing{"a"},
                                                            unix_datagram_socket::outgoing{"b"}};
    EXPECT_EQ(first.send_batch(out), 2U);
    std::array<std::array<char, 4>, 3> rooms;
    std::array<unix_datagram_socket::incoming, 3> in{unix_datagram_socket::incoming{rooms[0]},
                                                     unix_datagram_socket::incoming{rooms[1]},
                                                     unix_datagram_socket::incoming{rooms[2]}};
    EXPECT_EQ(second.receive_batch(in), 2U);
    EXPECT_EQ(rooms[0][0], 'a');
    EXPECT_EQ(rooms[1][0], 'b');
    EXPECT_FALSE(in[0].what.from);
  });
}

TEST(UnixDatagramSocket, DescriptorsGoAlong) {
  on_fiber_and_thread([] {
    auto server = unix_datagram_socket::bind("");
    auto client = unix_datagram_socket::connect(server.local_address().name());
    auto stranger = unix_datagram_socket::bind("");
    std::array<int, 2> const sent{client.native_handle(), stranger.native_handle()};
    EXPECT_EQ(client.send_descriptors("two", sent), 3U);
    EXPECT_EQ(stranger.send_descriptors_to(server.local_address(), "", std::span(sent).first(1)),
              0U);
    client.send_descriptors("none", {});
    std::string text(10, '?');
    std::vector<owned_descriptor> got;
    auto const first = server.receive_descriptors(text, got);
    EXPECT_EQ(first.size, 3U);
    EXPECT_EQ(first.from.name(), client.local_address().name());
    ASSERT_EQ(got.size(), 2U);
    EXPECT_TRUE(same_file(got[0].get(), sent[0]));
    EXPECT_TRUE(same_file(got[1].get(), sent[1]));
    EXPECT_NE(::fcntl(got[0].get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(server.receive_descriptors(text, got).size, 0U);
    ASSERT_EQ(got.size(), 3U);
    EXPECT_TRUE(same_file(got[2].get(), sent[0]));
    EXPECT_EQ(server.receive_descriptors(text, got).size, 4U);
    EXPECT_EQ(got.size(), 3U);
    // Nobody wants these: they are closed.
    client.send_descriptors("two", sent);
    int const next = ::dup(sent[0]);
    ::close(next);
    server.receive(text);
    int const again = ::dup(sent[0]);
    ::close(again);
    EXPECT_EQ(again, next);
    std::vector<int> const many(254, sent[0]);
    std::error_code error;
    EXPECT_EQ(client.send_descriptors("x", many, error), 0U);
    EXPECT_EQ(error, std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { client.send_descriptors("x", std::array<int, 1>{-1}); }),
              std::errc::bad_file_descriptor);
    server.close();
    EXPECT_EQ(code_of([&] { server.receive_descriptors(text, got); }),
              std::errc::bad_file_descriptor);
  });
}

// Sends until nobody has room for more, then waits; `waits` ends the wait.
template <class Waits>
void expect_wait_for_room(Waits waits) {
  on_one_worker([&] {
    auto server = unix_datagram_socket::bind("");
    auto const everybody = server.local_address();
    auto stranger = unix_datagram_socket::bind("");
    auto connected = unix_datagram_socket::connect(everybody.name());
    waits(
        stranger, [&] { stranger.send_to(everybody, "x"); }, server);
    waits(
        connected, [&] { connected.send("x"); }, server);
  });
}

TEST(UnixDatagramSocket, NothingIsLostWhereTheReceiverHasNoRoom) {
  expect_wait_for_room([](unix_datagram_socket&, auto send, unix_datagram_socket& server) {
    constexpr int count = 5000;  // More than the kernel keeps for a receiver.
    auto sending = spawn([&] {
      for (int i = 0; i < count; ++i) send();
    });
    settle();
    EXPECT_FALSE(sending.done());
    for (int i = 0; i < count; ++i) EXPECT_EQ(text_of(server), "x");
    sending.join();
  });
}

TEST(UnixDatagramSocket, TheWaitForRoomCanBeEnded) {
  expect_wait_for_room([](unix_datagram_socket& sender, auto send, unix_datagram_socket&) {
    auto const send_for_ever = [&] {
      for (;;) send();
    };
    {
      ramie::deadline_scope const limit(ramie::test::soon);
      EXPECT_THROW(send_for_ever(), ramie::timed_out);
    }
    auto cancelled = spawn(send_for_ever);
    settle();
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    auto closed = spawn(send_for_ever);
    settle();
    sender.close();
    EXPECT_EQ(code_of([&] { closed.join(); }), std::errc::operation_canceled);
  });
}

TEST(UnixDatagramSocket, BadUseIsATypedErrorThatNamesIt) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    std::string const path = folder.file("nothing");
    auto socket = unix_datagram_socket::bind("");
    EXPECT_EQ(code_of([&] { socket.send("x"); }), std::errc::not_connected);
    EXPECT_EQ(code_of([&] { socket.send_to(socket.local_address(), std::string(10 << 20, 'x')); }),
              std::errc::message_size);
    EXPECT_EQ(code_of([&] { unix_datagram_socket::bind(std::string(200, 'x')); }),
              std::errc::filename_too_long);
    try {
      socket.send_to(address_of(path), "x");
      ADD_FAILURE();
    } catch (std::system_error const& error) {
      EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
      EXPECT_NE(std::string(error.what()).find("send to " + path), std::string::npos);
    }
    try {
      unix_datagram_socket::connect(path);
      ADD_FAILURE();
    } catch (std::system_error const& error) {
      EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
      EXPECT_NE(std::string(error.what()).find("connect " + path), std::string::npos);
    }
    auto pair = unix_datagram_socket::pair();
    pair.second.close();
    EXPECT_EQ(code_of([&] { pair.first.send("x"); }), std::errc::connection_refused);
    pair.first.close();
    EXPECT_EQ(code_of([&] { pair.first.send("x"); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { pair.first.local_address(); }), std::errc::bad_file_descriptor);
  });
}

TEST(UnixDatagramSocket, TakesThePlaceOfAStaleSocketOnly) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    std::string const path = folder.file("socket");
    auto const code = [&](ramie::io::unix_datagram_options options) {
      return code_of([&] { unix_datagram_socket::bind(path, options); });
    };
    {
      auto const living = unix_datagram_socket::bind(path);
      EXPECT_EQ(code({}), std::errc::address_in_use);
    }
    EXPECT_EQ(code({.replace_stale = false}), std::errc::address_in_use);
    EXPECT_FALSE(code({}));
    {
      auto const listener = ramie::io::unix_listener::bind(path);
      EXPECT_EQ(code({}), std::errc::address_in_use);
    }
    std::string const file = folder.file("file");
    ramie::io::file::open(file, {.write = true, .create = true});
    EXPECT_EQ(code_of([&] { unix_datagram_socket::bind(file); }), std::errc::address_in_use);
  });
}

}  // namespace
