// A connection per request: descriptors come, go, and their numbers are used again at once.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <system_error>
#include <vector>

#include "sockets.hpp"

namespace {

std::atomic<int> epoll_sets{0};

}  // namespace

// In the place of the C library's: counts how often libev builds an epoll set.
extern "C" int epoll_create1(int flags) noexcept {
  ++epoll_sets;
  return static_cast<int>(::syscall(SYS_epoll_create1, flags));
}

namespace {

using ramie::spawn;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;
using ramie::test::read_text;

RAMIE_TEST_WITH_WORKERS(AcceptChurn);

/// Answers one request, then waits for the end.
void serve(tcp_stream& stream) {
  stream.write_all(read_text(stream, 4));
  std::array<char, 1> rest;
  std::error_code error;
  EXPECT_EQ(stream.read_some(rest, error), 0u);
  EXPECT_TRUE(!error || error == std::errc::connection_reset) << error.message();
}

/// Connections of eight clients, each of which ends its own with `end`.
template <class End>
void churn(End end) {
  int const sets_before = epoll_sets;
  auto listener = tcp_listener::bind("127.0.0.1", 0);
  std::uint16_t const port = listener.local_address().port();
  auto server = spawn([&] {
    for (;;) {
      std::error_code error;
      tcp_stream stream = listener.accept(error);
      if (error) return error;
      spawn([one = std::move(stream)]() mutable { serve(one); }).detach();
    }
  });
  std::vector<ramie::join_handle<void>> clients;
  for (int c = 0; c < 8; ++c) {
    clients.push_back(spawn([port, end] {
      for (int i = 0; i < 50; ++i) {
        auto stream = tcp_stream::connect("127.0.0.1", port);
        stream.write_all("ping");
        ASSERT_EQ(read_text(stream, 4), "ping");
        end(stream);
      }
    }));
  }
  for (auto& client : clients) client.join();
  listener.close();
  // It was waiting, or had just served the last one and came back to a closed listener.
  std::error_code const last = server.join();
  EXPECT_TRUE(last == std::errc::operation_canceled || last == std::errc::bad_file_descriptor);
  EXPECT_EQ(epoll_sets - sets_before, 1);  // No event of a closed number was answered.
}

TEST_P(AcceptChurn, ServesEveryConnectionOnce) {
  run_it([] { churn([](tcp_stream& stream) { stream.close(); }); });
}

// The kernel reports a reset in both directions, whichever were asked for.
TEST_P(AcceptChurn, ServesConnectionsThatAreReset) {
  run_it([] { churn([](tcp_stream& stream) { ramie::test::reset(stream); }); });
}

}  // namespace
