#include <ramie/io/tcp_listener.hpp>

#include <sys/resource.h>

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include <ramie/sched/task_group.hpp>

#include "sockets.hpp"

namespace {

using ramie::spawn;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;
using ramie::test::on_fiber_and_thread;
using ramie::test::settle;

RAMIE_TEST_WITH_WORKERS(TcpListenerStress);

TEST(TcpListener, APortThatIsTakenIsATypedError) {
  on_fiber_and_thread([] {
    auto first = tcp_listener::bind("127.0.0.1", 0);
    std::uint16_t const port = first.local_address().port();
    EXPECT_NE(port, 0);
    EXPECT_EQ(first.local_address().host(), "127.0.0.1");
    std::error_code error;
    EXPECT_FALSE(tcp_listener::bind("127.0.0.1", port, error).is_open());
    EXPECT_EQ(error, std::errc::address_in_use);
    try {
      tcp_listener::bind("127.0.0.1", port);
      ADD_FAILURE();
    } catch (std::system_error const& in_use) {
      EXPECT_NE(std::string(in_use.what()).find("bind 127.0.0.1:" + std::to_string(port)),
                std::string::npos);
    }
    first.close();
    EXPECT_TRUE(tcp_listener::bind("127.0.0.1", port).is_open());
  });
}

TEST(TcpListener, SeveralMayShareAPortIfAllSaySo) {
  auto first = tcp_listener::bind("127.0.0.1", 0, {.reuse_port = true});
  std::uint16_t const port = first.local_address().port();
  EXPECT_TRUE(tcp_listener::bind("127.0.0.1", port, {.reuse_port = true}).is_open());
}

TEST(TcpListener, BadAddressesAndClosedListenersAreTypedErrors) {
  on_fiber_and_thread([] {
    std::error_code error;
    EXPECT_FALSE(tcp_listener::bind("nowhere.example", 0, error).is_open());
    EXPECT_EQ(error, ramie::io::errc::unresolved_name);
    EXPECT_FALSE(tcp_listener::bind("192.0.2.1", 0, error).is_open());
    EXPECT_EQ(error, std::errc::address_not_available);
    tcp_listener closed;
    EXPECT_FALSE(closed.accept(error).is_open());
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
    EXPECT_THROW(closed.accept(), std::system_error);
    EXPECT_THROW(closed.local_address(), std::system_error);
  });
}

TEST(TcpListener, ListensOnIpv6WhereThereIsOne) {
  on_fiber_and_thread([] {
    std::error_code error;
    auto listener = tcp_listener::bind("[::1]", 0, error);
    if (error) {
      EXPECT_TRUE(error == std::errc::address_not_available ||
                  error == std::errc::address_family_not_supported);
      return;
    }
    std::uint16_t const port = listener.local_address().port();
    auto client = tcp_stream::connect("localhost", port);  // Refused on 127.0.0.1, then ::1.
    EXPECT_EQ(listener.accept().local_address().to_string(), "[::1]:" + std::to_string(port));
  });
}

TEST(TcpListener, AcceptWaitsAndCanBeCancelled) {
  ramie::test::on_one_worker([] {
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    auto acceptor = spawn([&] { return listener.accept(); });
    settle();
    EXPECT_FALSE(acceptor.done());
    std::error_code error;
    listener.accept(error);
    EXPECT_EQ(error, std::errc::device_or_resource_busy);
    acceptor.cancel();
    EXPECT_THROW(acceptor.join(), ramie::cancelled);
    auto again = spawn([&] { return listener.accept(); });
    settle();
    auto client = tcp_stream::connect(listener.local_address());
    EXPECT_TRUE(again.join().is_open());
  });
}

// Each connection keeps its worker until there are as many of them as workers: on fewer they would
// wait for ever.
TEST(TcpListener, WhatOneFiberAcceptsSpreadsOverTheWorkers) {
  for (unsigned const workers : {1U, 2U, 4U}) {
    ramie::run({.workers = workers}, [workers] {
      auto listener = tcp_listener::bind("127.0.0.1", 0);
      std::atomic<unsigned> serving{0};
      ramie::task_group connections;
      auto accepting = spawn([&] {
        for (unsigned i = 0; i < workers; ++i) {
          connections.spawn([&, client = listener.accept()]() mutable {
            EXPECT_EQ(ramie::test::read_text(client, 1), "x");
            serving.fetch_add(1, std::memory_order_relaxed);
            while (serving.load(std::memory_order_relaxed) < workers) ramie::test::pause_for(1);
          });
        }
      });
      std::vector<tcp_stream> clients;
      for (unsigned i = 0; i < workers; ++i) {
        clients.push_back(tcp_stream::connect(listener.local_address()));
        clients.back().write_all("x");
      }
      accepting.join();
      connections.wait();
      EXPECT_EQ(serving.load(std::memory_order_relaxed), workers);
    });
  }
}

/// A loopback address that no other process uses: nobody else takes a port of it meanwhile.
std::string own_loopback() {
  auto const id = static_cast<unsigned>(::getpid());
  return "127." + std::to_string(64 + id / 65536) + '.' + std::to_string(id / 256 % 256) + '.' +
         std::to_string(id % 256);
}

TEST_P(TcpListenerStress, ThePortIsFreeWhenCloseReturns) {
  run_it([] {
    auto pair = ramie::test::connect_pair();
    auto idle = spawn([&] { return ramie::test::read_text(pair.client, 1); });
    std::string const host = own_loopback();
    std::uint16_t port = 0;
    for (int i = 0; i < 200; ++i) {
      auto listener = tcp_listener::bind(host, port);
      port = listener.local_address().port();
      auto acceptor = spawn([&] { return listener.accept(); });
      for (int n = 0; n < i % 4; ++n) ramie::this_fiber::yield();
      auto client = tcp_stream::connect(host, port);
      auto server = acceptor.join();
      if (i % 2 == 0) ramie::test::reset(client);  // In the hands of a worker, perhaps.
      server.close();
      listener.close();
    }
    pair.server.write_all("x");
    EXPECT_EQ(idle.join(), "x");
  });
}

/// In a process of its own: accepts until the descriptors run out, and goes on when one is free.
[[noreturn]] void run_out_of_descriptors() {
  bool const good = ramie::run({.workers = 1}, [] {
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    auto first = tcp_stream::connect(listener.local_address());
    auto second = tcp_stream::connect(listener.local_address());
    auto accepted = listener.accept();
    auto waiting = spawn([] {
      auto pair = ramie::test::connect_pair();
      return ramie::test::read_text(pair.client, 0).empty();
    });
    bool const others_work = waiting.join();
    // The number of the next descriptor is the limit: there is none left.
    int const next = ::dup(listener.native_handle());
    ::close(next);
    ramie::test::know_error_categories();
    rlimit const limit = {static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    std::error_code accept_error;
    listener.accept(accept_error);
    std::error_code connect_error;
    tcp_stream::connect(listener.local_address(), connect_error);
    accepted.close();
    return others_work && accept_error == std::errc::too_many_files_open &&
           connect_error == std::errc::too_many_files_open && listener.accept().is_open();
  });
  std::_Exit(good ? 0 : 1);
}

TEST(TcpListenerDeathTest, RunningOutOfDescriptorsIsATypedErrorAndCanBeRetried) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(run_out_of_descriptors(), testing::ExitedWithCode(0), "");
}

}  // namespace
