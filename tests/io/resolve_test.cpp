#include <ramie/io/resolve.hpp>

#include <netinet/in.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <ramie/io/error.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "kernel.hpp"
#include "sockets.hpp"

namespace {

using ramie::spawn;
using ramie::io::address;
using ramie::io::resolve;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;
using ramie::test::kernel;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::settle;

/// The system's look-up answers as `answer` says, while this lives.
class look_ups {
 public:
  template <class F>
  explicit look_ups(F answer) {
    kernel.on_getaddrinfo = [answer](char const* host, char const* service, addrinfo** found) {
      return answer(host, service, found);
    };
  }
  look_ups(look_ups const&) = delete;
  look_ups& operator=(look_ups const&) = delete;
  ~look_ups() { kernel.on_getaddrinfo = nullptr; }
};

/// A list as getaddrinfo makes it.
addrinfo* list_of(std::vector<address> const& addresses) {
  addrinfo* list = nullptr;
  for (auto each = addresses.rbegin(); each != addresses.rend(); ++each) {
    auto* const memory =
        static_cast<char*>(std::calloc(1, sizeof(addrinfo) + sizeof(sockaddr_in6)));
    auto* const node = reinterpret_cast<addrinfo*>(memory);
    node->ai_addr = reinterpret_cast<sockaddr*>(memory + sizeof(addrinfo));
    node->ai_addrlen = each->native_size();
    std::memcpy(node->ai_addr, each->native(), each->native_size());
    node->ai_next = std::exchange(list, node);
  }
  return list;
}

address numeric(std::string const& host, int port) {
  std::error_code error;
  return address::parse(host, static_cast<std::uint16_t>(port), error);
}

std::vector<std::string> texts(std::vector<address> const& addresses) {
  std::vector<std::string> result;
  for (auto const& each : addresses) result.push_back(each.to_string());
  return result;
}

using strings = std::vector<std::string>;

TEST(Resolve, NumericAddressesAndLocalhostAreNotLookedUp) {
  look_ups const none([](auto...) {
    ADD_FAILURE();
    return EAI_FAIL;
  });
  on_fiber_and_thread([] {
    EXPECT_EQ(texts(resolve("192.0.2.1", 80)), strings{"192.0.2.1:80"});
    EXPECT_EQ(texts(resolve("[2001:db8::1]", "443")), strings{"[2001:db8::1]:443"});
    EXPECT_EQ(texts(resolve("localhost", 1)), (strings{"127.0.0.1:1", "[::1]:1"}));
    std::error_code error;
    for (std::string const& bad : {std::string(), std::string("a\0b", 3), std::string(256, 'x')}) {
      EXPECT_TRUE(resolve(bad, 80, error).empty());
      EXPECT_EQ(error, ramie::io::errc::unresolved_name);
    }
    EXPECT_TRUE(resolve("127.0.0.1", "", error).empty());
    EXPECT_EQ(error, ramie::io::errc::unknown_service);
  });
}

// getaddrinfo takes them modulo 65536.
TEST(Resolve, ANumberThatIsNoPortIsNoService) {
  look_ups const none([](auto...) {
    ADD_FAILURE();
    return EAI_FAIL;
  });
  on_fiber_and_thread([] {
    for (char const* const service :
         {"65536", "65616", "99999999999999999999", "-1", "+80", " 80", "\v80"}) {
      std::error_code error;
      EXPECT_TRUE(resolve("127.0.0.1", service, error).empty()) << service;
      EXPECT_EQ(error, ramie::io::errc::unknown_service) << service;
      EXPECT_FALSE(tcp_stream::connect("127.0.0.1", service, error).is_open()) << service;
      EXPECT_EQ(error, ramie::io::errc::unknown_service) << service;
    }
    EXPECT_EQ(texts(resolve("127.0.0.1", "0080")), strings{"127.0.0.1:80"});
    EXPECT_EQ(texts(resolve("127.0.0.1", "65535")), strings{"127.0.0.1:65535"});
  });
}

TEST(Resolve, NamesAreLookedUpWithTheirService) {
  look_ups const two([](std::string host, std::string service, addrinfo** found) {
    int const port = service == "https" ? 443 : std::stoi(service);
    EXPECT_EQ(host, "a.example");
    *found = list_of({numeric("2001:db8::1", port), numeric("192.0.2.1", port)});
    return 0;
  });
  on_fiber_and_thread([] {
    EXPECT_EQ(texts(resolve("a.example", 80)), (strings{"[2001:db8::1]:80", "192.0.2.1:80"}));
    EXPECT_EQ(texts(resolve("a.example", "https")),
              (strings{"[2001:db8::1]:443", "192.0.2.1:443"}));
  });
}

TEST(Resolve, WhatTheSystemAnswersIsATypedErrorThatNamesTheHost) {
  using ramie::io::errc;
  std::pair<int, std::error_code> const answers[] = {
      {EAI_NONAME, errc::unresolved_name},
      {EAI_AGAIN, errc::resolver_unavailable},
      {EAI_FAIL, errc::resolver_failed},
      {EAI_SERVICE, errc::unknown_service},
      {EAI_MEMORY, std::make_error_code(std::errc::not_enough_memory)},
      {EAI_SYSTEM, std::error_code(EMFILE, std::system_category())},
      {0, errc::unresolved_name},  // An empty list.
  };
  for (auto const& [answer, expected] : answers) {
    look_ups const failing([answer = answer](auto...) {
      errno = EMFILE;
      return answer;
    });
    on_fiber_and_thread([expected = expected] {
      std::error_code error;
      EXPECT_TRUE(resolve("a.example", 80, error).empty());
      EXPECT_EQ(error, expected);
      EXPECT_FALSE(tcp_stream::connect("a.example", 80, error).is_open());
      EXPECT_EQ(error, expected);
    });
  }
  look_ups const none([](auto...) { return EAI_NONAME; });
  try {
    resolve("a.example", 80);
    ADD_FAILURE();
  } catch (std::system_error const& error) {
    EXPECT_NE(std::string(error.what()).find("resolve a.example"), std::string::npos);
  }
}

TEST(Resolve, ASlowLookUpHoldsNoWorkerAndCanBeGivenUp) {
  std::atomic<bool> answered = false;
  std::atomic<int> asked = 0;
  look_ups const slow([&](auto&&, auto&&, addrinfo** found) {
    ++asked;
    answered.wait(false);
    *found = list_of({numeric("192.0.2.1", 80)});
    return 0;
  });
  on_one_worker([&] {
    auto cancelled = spawn([] { return resolve("a.example", 80); });
    auto patient = spawn([] { return resolve("b.example", 80); });
    while (asked != 2) ramie::this_fiber::yield();
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    {
      ramie::deadline_scope const limit(ramie::test::soon);
      std::error_code error;
      EXPECT_TRUE(resolve("c.example", 80, error).empty());
      EXPECT_EQ(error, std::errc::timed_out);
      EXPECT_THROW(resolve("d.example", 80), ramie::timed_out);
    }
    EXPECT_FALSE(patient.done());
    answered = true;
    answered.notify_all();
    EXPECT_EQ(patient.join().size(), 1U);
  });
}

/// Listens, and answers nobody any more: its backlog is full.
class silent_listener {
 public:
  explicit silent_listener(std::string const& host)
      : listener_(tcp_listener::bind(host, 0, {.backlog = 0})) {
    std::error_code error;
    while (!error) {
      ramie::deadline_scope const limit(std::chrono::milliseconds(100));
      clients_.push_back(tcp_stream::connect(listener_.local_address(), error));
    }
    EXPECT_EQ(error, std::errc::timed_out);
  }

  address where() const { return listener_.local_address(); }

 private:
  tcp_listener listener_;
  std::vector<tcp_stream> clients_;
};

TEST(Connect, TheNextAddressIsTriedIfOneRefusesOrIsSilent) {
  on_fiber_and_thread([] {
    silent_listener const silent("127.0.0.1");
    auto const good = tcp_listener::bind("127.0.0.2", 0);
    address const refusing = numeric("127.0.0.1", 1);
    for (auto const& first : {std::vector{refusing}, std::vector{silent.where()},
                              std::vector{silent.where(), refusing}}) {
      auto all = first;
      all.push_back(good.local_address());
      look_ups const several([&](auto&&, auto&&, addrinfo** found) {
        *found = list_of(all);
        return 0;
      });
      auto const stream = tcp_stream::connect("a.example", 80);
      EXPECT_EQ(stream.remote_address().to_string(), good.local_address().to_string());
    }
  });
}

TEST(Connect, TheErrorIsThatOfTheFirstAddress) {
  on_fiber_and_thread([] {
    look_ups const several([&](auto&&, auto&&, addrinfo** found) {
      *found = list_of({numeric("127.0.0.1", 1), numeric("255.255.255.255", 1)});
      return 0;
    });
    std::error_code error;
    EXPECT_FALSE(tcp_stream::connect("a.example", 80, error).is_open());
    EXPECT_EQ(error, std::errc::connection_refused);
  });
}

TEST(Connect, CancellationAndDeadlinesEndAllAttempts) {
  silent_listener const one("127.0.0.1");
  silent_listener const other("127.0.0.2");
  // Outlives the runtime, whose pool may still be in a look-up that nobody awaits any more.
  look_ups const both([&](auto&&, auto&&, addrinfo** found) {
    *found = list_of({one.where(), other.where()});
    return 0;
  });
  on_one_worker([] {
    std::error_code error;
    {
      ramie::deadline_scope const limit(std::chrono::milliseconds(300));
      EXPECT_FALSE(tcp_stream::connect("a.example", 80, error).is_open());
    }
    EXPECT_EQ(error, std::errc::timed_out);
    int const begun = kernel.connect.calls();
    auto cancelled = spawn([] { return tcp_stream::connect("a.example", 80); });
    while (kernel.connect.calls() == begun) ramie::this_fiber::yield();
    settle();
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
  });
}

}  // namespace
