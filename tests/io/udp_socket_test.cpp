#include <ramie/io/udp_socket.hpp>

#include <array>
#include <span>
#include <string>
#include <vector>

#include <ramie/io/error.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::spawn;
using ramie::io::udp_socket;
using ramie::test::code_of;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::settle;

TEST(UdpSocket, DatagramsKeepTheirBoundariesAndNameTheirSender) {
  on_fiber_and_thread([] {
    auto server = udp_socket::bind("127.0.0.1", 0);
    auto client = udp_socket::bind("127.0.0.1", 0);
    EXPECT_EQ(client.send_to(server.local_address(), "one"), 3U);
    EXPECT_EQ(client.send_to(server.local_address(), ""), 0U);
    EXPECT_EQ(client.send_to(server.local_address(), "three"), 5U);
    std::string text(100, '?');
    auto const first = server.receive(text);
    EXPECT_EQ(text.substr(0, first.size), "one");
    EXPECT_EQ(first.from.to_string(), client.local_address().to_string());
    EXPECT_FALSE(first.truncated);
    EXPECT_EQ(server.receive(text).size, 0U);
    EXPECT_EQ(server.receive(text).size, 5U);
    server.send_to(first.from, "answer");
    EXPECT_EQ(client.receive(text).size, 6U);
  });
}

TEST(UdpSocket, ABufferThatIsTooSmallIsTold) {
  on_fiber_and_thread([] {
    auto server = udp_socket::bind("127.0.0.1", 0);
    auto client = udp_socket::connect(server.local_address());
    client.send("12345");
    client.send("678");
    std::string text(4, '?');
    auto const first = server.receive(text);
    EXPECT_EQ(first.size, 4U);
    EXPECT_TRUE(first.truncated);
    EXPECT_EQ(text, "1234");
    auto const second = server.receive(text);
    EXPECT_EQ(second.size, 3U);
    EXPECT_FALSE(second.truncated);
  });
}

TEST(UdpSocket, AConnectedOneHasOnePeer) {
  on_fiber_and_thread([] {
    auto server = udp_socket::bind("127.0.0.1", 0);
    auto client = udp_socket::connect("127.0.0.1", server.local_address().port());
    EXPECT_EQ(client.remote_address().to_string(), server.local_address().to_string());
    auto stranger = udp_socket::bind("127.0.0.1", 0);
    stranger.send_to(client.local_address(), "strange");
    server.send_to(client.local_address(), "good");
    std::string text(100, '?');
    EXPECT_EQ(client.receive(text).size, 4U);
  });
}

TEST(UdpSocket, WhatTheNetworkSaysOfAConnectedOneIsAnError) {
  on_fiber_and_thread([] {
    auto gone = udp_socket::bind("127.0.0.1", 0);
    auto client = udp_socket::connect(gone.local_address());
    std::string const peer = client.remote_address().to_string();
    gone.close();
    client.send("x");
    std::string text(1, '?');
    try {
      client.receive(text);
      ADD_FAILURE();
    } catch (std::system_error const& error) {
      EXPECT_EQ(error.code(), std::errc::connection_refused);
      EXPECT_NE(std::string(error.what()).find("receive from " + peer), std::string::npos);
    }
  });
}

TEST(UdpSocket, BadUseIsATypedError) {
  on_fiber_and_thread([] {
    auto socket = udp_socket::bind("127.0.0.1", 0);
    std::error_code error;
    EXPECT_EQ(socket.send("x", error), 0U);
    EXPECT_EQ(error, std::errc::not_connected);
    EXPECT_EQ(socket.send_to(socket.local_address(), std::string(70'000, 'x'), error), 0U);
    EXPECT_EQ(error, std::errc::message_size);
    udp_socket::bind("127.0.0.1", socket.local_address().port(), error);
    EXPECT_EQ(error, std::errc::address_in_use);
    udp_socket::bind("nowhere.example", 0, error);
    EXPECT_EQ(error, ramie::io::errc::unresolved_name);
    socket.send_to(ramie::io::address::parse("255.255.255.255", 9, error), "x", error);
    EXPECT_EQ(error, std::errc::permission_denied);
    socket.close();
    EXPECT_EQ(code_of([&] { socket.receive(std::span<char>()); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { socket.send("x"); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { socket.local_address(); }), std::errc::bad_file_descriptor);
  });
}

TEST(UdpSocket, ReceiveWaitsAndCanBeEnded) {
  on_one_worker([] {
    auto server = udp_socket::bind("127.0.0.1", 0);
    auto const receive = [&] {
      std::string text(10, '?');
      return server.receive(text).size;
    };
    auto waiting = spawn(receive);
    settle();
    std::error_code error;
    std::string text(1, '?');
    server.receive(text, error);
    EXPECT_EQ(error, std::errc::device_or_resource_busy);
    auto client = udp_socket::connect(server.local_address());
    client.send("abc");
    EXPECT_EQ(waiting.join(), 3U);
    {
      ramie::deadline_scope const limit(ramie::test::soon);
      EXPECT_THROW(receive(), ramie::timed_out);
    }
    auto cancelled = spawn(receive);
    settle();
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    auto closed = spawn(receive);
    settle();
    server.close();
    EXPECT_EQ(code_of([&] { closed.join(); }), std::errc::operation_canceled);
  });
}

TEST(UdpSocket, BatchesAreSentAndReceivedAtOnce) {
  on_fiber_and_thread([] {
    auto server = udp_socket::bind("127.0.0.1", 0);
    auto client = udp_socket::connect(server.local_address());
    auto other = udp_socket::bind("127.0.0.1", 0);
    std::vector<std::string> texts;
    for (int i = 0; i < 100; ++i) texts.push_back(std::to_string(i));
    std::vector<udp_socket::outgoing> out;
    for (auto const& text : texts) out.push_back({text});
    EXPECT_EQ(client.send_batch(out), 64U);
    EXPECT_EQ(client.send_batch(std::span(out).subspan(64)), 36U);
    std::vector<std::array<char, 8>> rooms(200);
    std::vector<udp_socket::incoming> in;
    for (auto& room : rooms) in.push_back({room});
    std::size_t done = server.receive_batch(in);
    EXPECT_EQ(done, 64U);
    done += server.receive_batch(std::span(in).subspan(done));
    ASSERT_EQ(done, 100U);
    for (std::size_t i = 0; i < done; ++i) {
      EXPECT_EQ(std::string(rooms[i].data(), in[i].what.size), texts[i]);
      EXPECT_EQ(in[i].what.from.port(), client.local_address().port());
      EXPECT_FALSE(in[i].what.truncated);
    }
    std::array<udp_socket::outgoing, 2> const to_both{
        udp_socket::outgoing{"a", client.local_address()},
        udp_socket::outgoing{"b", other.local_address()}};
    EXPECT_EQ(server.send_batch(to_both), 2U);
    std::string text(1, '?');
    client.receive(text);
    EXPECT_EQ(text, "a");
    other.receive(text);
    EXPECT_EQ(text, "b");
    EXPECT_EQ(server.send_batch({}), 0U);
    EXPECT_EQ(server.receive_batch({}), 0U);
    server.close();
    EXPECT_EQ(code_of([&] { server.receive_batch(in); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { server.send_batch(to_both); }), std::errc::bad_file_descriptor);
  });
}

TEST(UdpSocket, SpeaksIpv6WhereThereIsOne) {
  on_fiber_and_thread([] {
    std::error_code error;
    auto server = udp_socket::bind("::1", 0, error);
    if (error == std::errc::address_not_available ||
        error == std::errc::address_family_not_supported) {
      return;
    }
    ASSERT_FALSE(error);
    auto client = udp_socket::connect("::1", server.local_address().port());
    client.send("six");
    std::string text(3, '?');
    EXPECT_EQ(server.receive(text).from.host(), "::1");
    EXPECT_EQ(text, "six");
  });
}

}  // namespace
