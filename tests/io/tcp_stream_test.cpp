#include <ramie/io/tcp_stream.hpp>

#include <array>
#include <csignal>
#include <thread>
#include <type_traits>
#include <vector>

#include "sockets.hpp"

namespace {

using ramie::spawn;
using ramie::io::tcp_stream;
using ramie::test::connect_pair;
using ramie::test::on_fiber_and_thread;
using ramie::test::read_text;
using ramie::test::settle;

RAMIE_TEST_WITH_WORKERS(TcpStreamStress);

template <class Buffer>
concept writable = std::is_constructible_v<ramie::io::const_buffer, Buffer>;
static_assert(writable<char const (&)[5]>);
static_assert(!writable<char (&)[5]>);
static_assert(writable<std::string> && writable<std::string_view> && writable<char const*>);
static_assert(writable<std::array<std::byte, 4>&> && writable<std::span<char>>);
static_assert(writable<std::vector<char> const&> && writable<std::span<std::byte const>>);
static_assert(!writable<std::vector<int>&>);
static_assert(std::is_constructible_v<ramie::io::mutable_buffer, char (&)[5]>);
static_assert(std::is_constructible_v<ramie::io::mutable_buffer, std::string&>);
static_assert(!std::is_constructible_v<ramie::io::mutable_buffer, std::string const&>);
static_assert(!std::is_copy_constructible_v<tcp_stream>);

TEST(TcpStream, CarriesBytesBothWays) {
  on_fiber_and_thread([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    client.set_no_delay(true);
    EXPECT_EQ(client.write_all("ping"), 4u);
    EXPECT_EQ(read_text(server, 4), "ping");
    std::array<std::byte, 2> const bytes{std::byte{'o'}, std::byte{'k'}};
    server.write_all(bytes);
    EXPECT_EQ(read_text(client, 2), "ok");
    EXPECT_EQ(client.remote_address().to_string(), server.local_address().to_string());
    EXPECT_EQ(server.remote_address().to_string(), client.local_address().to_string());
  });
}

TEST(TcpStream, TheEndIsACountOfZeroAndAnErrorOfReadExact) {
  on_fiber_and_thread([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    client.write_all("abc");
    client.shutdown_write();
    std::array<char, 8> buffer;
    std::error_code error;
    EXPECT_EQ(server.read_exact(buffer, error), 3u);
    EXPECT_EQ(error, ramie::io::errc::end_of_stream);
    EXPECT_EQ(server.read_some(buffer), 0u);
    EXPECT_THROW(server.read_exact(buffer), std::system_error);
    server.write_all("still open");
    EXPECT_EQ(read_text(client, 10), "still open");
  });
}

TEST(TcpStream, AShortReadThatDrainedTheStreamStillSeesTheEnd) {
  on_fiber_and_thread([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    client.write_all("abc");
    client.close();
    std::array<char, 100> buffer;
    EXPECT_EQ(server.read_some(buffer), 3u);
    EXPECT_EQ(server.read_some(buffer), 0u);
    EXPECT_EQ(server.read_some(buffer), 0u);
  });
}

TEST(TcpStream, AnEmptyBufferReturnsAtOnce) {
  on_fiber_and_thread([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    EXPECT_EQ(client.read_some(std::span<char>()), 0u);
    EXPECT_EQ(client.read_exact(std::span<std::byte>()), 0u);
    EXPECT_EQ(client.write_some(""), 0u);
    EXPECT_EQ(client.write_all(std::string_view()), 0u);
  });
}

TEST(TcpStream, AResetByThePeerIsATypedError) {
  on_fiber_and_thread([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    ramie::test::reset(client);
    std::array<char, 8> buffer;
    std::error_code error;
    EXPECT_EQ(server.read_some(buffer, error), 0u);
    EXPECT_EQ(error, std::errc::connection_reset);
  });
}

TEST(TcpStream, WritingToAPeerThatIsGoneIsAnErrorAndNoSignal) {
  ASSERT_NE(std::signal(SIGPIPE, SIG_DFL), SIG_ERR);
  on_fiber_and_thread([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    ramie::test::reset(client);
    std::error_code error;
    while (!error) server.write_all("nobody reads this", error);
    EXPECT_TRUE(error == std::errc::broken_pipe || error == std::errc::connection_reset);
    server.write_all("nor this", error);
    EXPECT_EQ(error, std::errc::broken_pipe);
  });
}

TEST(TcpStream, AClosedOneFailsEveryOperation) {
  on_fiber_and_thread([] {
    tcp_stream closed;
    EXPECT_FALSE(closed.is_open());
    EXPECT_EQ(closed.native_handle(), -1);
    closed.close();
    std::array<char, 8> buffer;
    std::error_code error;
    auto const expect_closed = [&] {
      EXPECT_EQ(error, std::errc::bad_file_descriptor);
      error.clear();
    };
    closed.read_some(buffer, error), expect_closed();
    closed.read_exact(buffer, error), expect_closed();
    closed.write_some("x", error), expect_closed();
    closed.write_all("x", error), expect_closed();
    closed.shutdown_write(error), expect_closed();
    closed.set_no_delay(true, error), expect_closed();
    EXPECT_FALSE(closed.local_address(error)), expect_closed();
    EXPECT_FALSE(closed.remote_address());
    EXPECT_THROW(closed.write_all("x"), std::system_error);

    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    tcp_stream moved = std::move(client);
    EXPECT_FALSE(client.is_open());
    moved.write_all("x");
    EXPECT_EQ(read_text(server, 1), "x");
    moved = tcp_stream();
    EXPECT_EQ(server.read_some(buffer), 0u);
  });
}

TEST(TcpStream, ErrorsNameTheOperationAndThePeer) {
  on_fiber_and_thread([] {
    try {
      tcp_stream::connect("127.0.0.1", 1);
      ADD_FAILURE();
    } catch (std::system_error const& error) {
      EXPECT_EQ(error.code(), std::errc::connection_refused);
      EXPECT_NE(std::string(error.what()).find("connect 127.0.0.1:1"), std::string::npos);
    }
  });
}

TEST(TcpStream, ConnectTakesAddressesAndRefusesWhatIsNoName) {
  on_fiber_and_thread([] {
    auto listener = ramie::io::tcp_listener::bind("localhost", 0);
    std::uint16_t const port = listener.local_address().port();
    EXPECT_TRUE(tcp_stream::connect("localhost", port).is_open());
    EXPECT_TRUE(tcp_stream::connect("localhost", std::to_string(port)).is_open());
    EXPECT_TRUE(tcp_stream::connect(listener.local_address()).is_open());
    std::error_code error;
    for (std::string_view const host : {std::string_view(), std::string_view("127.0.0.1\0", 10)}) {
      EXPECT_FALSE(tcp_stream::connect(host, port, error).is_open());
      EXPECT_EQ(error, ramie::io::errc::unresolved_name) << host;
    }
    EXPECT_FALSE(tcp_stream::connect("127.0.0.1", "", error).is_open());
    EXPECT_EQ(error, ramie::io::errc::unknown_service);
    EXPECT_FALSE(tcp_stream::connect("localhost", 1, error).is_open());
    EXPECT_EQ(error, std::errc::connection_refused);
    EXPECT_FALSE(tcp_stream::connect(ramie::io::address(), error).is_open());
    EXPECT_TRUE(error);
  });
}

TEST(TcpStream, WriteAllWaitsForASlowReader) {
  ramie::test::on_one_worker([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    std::string sent(8 << 20, ' ');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 >> 3);
    auto writer = spawn([&] { return client.write_all(sent); });
    settle();
    EXPECT_FALSE(writer.done());
    EXPECT_EQ(read_text(server, sent.size()), sent);
    EXPECT_EQ(writer.join(), sent.size());
  });
}

TEST(TcpStream, ASecondReaderIsToldThatThereIsOne) {
  ramie::test::on_one_worker([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    auto reader = spawn([&] { return read_text(client, 1); });
    settle();
    std::array<char, 8> buffer;
    std::error_code error;
    EXPECT_EQ(client.read_some(buffer, error), 0u);
    EXPECT_EQ(error, std::errc::device_or_resource_busy);
    server.write_all("x");
    EXPECT_EQ(reader.join(), "x");
  });
}

TEST(TcpStream, CancellationEndsAReadInBothForms) {
  ramie::test::on_one_worker([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    auto throwing = spawn([&] { (void)read_text(client, 1); });
    settle();
    throwing.cancel();
    EXPECT_THROW(throwing.join(), ramie::cancelled);
    auto coded = spawn([&] {
      std::array<char, 8> buffer;
      std::error_code error;
      client.read_some(buffer, error);
    });
    settle();
    coded.cancel();
    EXPECT_THROW(coded.join(), ramie::cancelled);
    server.write_all("y");  // The next reader gets it.
    EXPECT_EQ(read_text(client, 1), "y");
  });
}

TEST_P(TcpStreamStress, ReadsAndWritesAtOnce) {
  run_it([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    constexpr std::size_t total = 4 << 20;
    std::string const text(total, 'z');
    auto client_writer = spawn([&] { client.write_all(text); });
    auto server_writer = spawn([&] { server.write_all(text); });
    auto server_reader = spawn([&] { return read_text(server, total) == text; });
    EXPECT_EQ(read_text(client, total), text);
    EXPECT_TRUE(server_reader.join());
    client_writer.join();
    server_writer.join();
  });
}

TEST_P(TcpStreamStress, PingPongOfManyConnections) {
  run_it([] {
    std::vector<ramie::join_handle<void>> all;
    for (int c = 0; c < 32; ++c) {
      auto pair = connect_pair();
      auto& client = pair.client;
      auto& server = pair.server;
      all.push_back(spawn([stream = std::move(server)]() mutable {
        std::array<char, 64> buffer;
        while (std::size_t const n = stream.read_some(buffer)) {
          stream.write_all(std::span(buffer).first(n));
        }
      }));
      all.push_back(spawn([stream = std::move(client)]() mutable {
        for (int i = 0; i < 200; ++i) {
          stream.write_all("ping");
          ASSERT_EQ(read_text(stream, 4), "ping");
        }
      }));
    }
    for (auto& one : all) one.join();
  });
}

TEST_P(TcpStreamStress, FibersAndThreadsTalkToEachOther) {
  run_it([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    std::thread outside([stream = std::move(server)]() mutable {
      std::array<char, 64> buffer;
      while (std::size_t const n = stream.read_some(buffer)) {
        stream.write_all(std::span(buffer).first(n));
      }
    });
    for (int i = 0; i < 200; ++i) {
      client.write_all("ping");
      ASSERT_EQ(read_text(client, 4), "ping");
    }
    client.close();
    outside.join();
  });
}

TEST_P(TcpStreamStress, CancelledReadersLoseNoByte) {
  run_it([] {
    auto pair = connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    constexpr std::size_t total = 2'000;
    std::size_t received = 0;
    auto writer = spawn([&] {
      for (std::size_t i = 0; i < total; ++i) {
        client.write_all("b");
        ramie::this_fiber::yield();
      }
    });
    while (received < total) {
      // Cancelled while it waits, or as the event comes.
      auto reader = spawn([&] {
        for (;;) {
          std::array<char, 16> buffer;
          received += server.read_some(buffer);
        }
      });
      for (int i = 0; i < 3; ++i) ramie::this_fiber::yield();
      reader.cancel();
      EXPECT_THROW(reader.join(), ramie::cancelled);
    }
    writer.join();
    EXPECT_EQ(received, total);
  });
}

}  // namespace
