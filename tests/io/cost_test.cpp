// What a keep-alive request costs in system calls. This program takes the place of the C library's
// functions to count them.
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "sockets.hpp"

namespace {

// How often the process has called them; relaxed: only sums are compared, between joins.
std::atomic<int> epoll_ctl_calls{0};
std::atomic<int> recv_calls{0};
std::atomic<int> send_calls{0};

}  // namespace

extern "C" int epoll_ctl(int epfd, int op, int fd, epoll_event* event) noexcept {
  epoll_ctl_calls.fetch_add(1, std::memory_order_relaxed);
  return static_cast<int>(::syscall(SYS_epoll_ctl, epfd, op, fd, event));
}

extern "C" ssize_t recv(int fd, void* into, std::size_t size, int flags) {
  recv_calls.fetch_add(1, std::memory_order_relaxed);
  return ::syscall(SYS_recvfrom, fd, into, size, flags, nullptr, nullptr);
}

extern "C" ssize_t send(int fd, void const* from, std::size_t size, int flags) {
  send_calls.fetch_add(1, std::memory_order_relaxed);
  return ::syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
}

namespace {

TEST(Cost, AKeepAliveRequestIsOneReadAndOneWrite) {
  ramie::test::on_one_worker([] {
    auto pair = ramie::test::connect_pair();
    auto& client = pair.client;
    auto& server = pair.server;
    auto echo = [](ramie::io::tcp_stream& stream) {
      std::array<char, 64> buffer;
      while (std::size_t const n = stream.read_some(buffer)) {
        stream.write_all(std::span(buffer).first(n));
      }
    };
    auto serving = ramie::spawn([&, &stream = server] { echo(stream); });
    auto const request = [&, &stream = client] {
      std::array<char, 64> reply;
      stream.write_all("ping");
      ASSERT_EQ(stream.read_some(reply), 4u);
    };
    request();  // Registers both ends.
    request();
    int const controls = epoll_ctl_calls;
    int const reads = recv_calls;
    int const writes = send_calls;
    constexpr int requests = 1'000;
    for (int i = 0; i < requests; ++i) request();
    EXPECT_EQ(epoll_ctl_calls - controls, 0);
    EXPECT_EQ(recv_calls - reads, 2 * requests);  // One at each end.
    EXPECT_EQ(send_calls - writes, 2 * requests);
    client.close();
    serving.join();
  });
}

}  // namespace
