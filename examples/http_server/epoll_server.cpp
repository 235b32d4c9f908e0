// The yardstick: the same protocol in a hand-written, level-triggered epoll loop per worker.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#include "http.hpp"
#include "process.hpp"

namespace {

void check(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::system_category(), what);
}

int listen_on(std::uint16_t port) {
  int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  check(fd >= 0, "socket");
  int const on = 1;
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "setsockopt");
  check(::bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0, "bind");
  check(::listen(fd, 4096) == 0, "listen");
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_in where = {};
  socklen_t size = sizeof where;
  check(::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) == 0, "getsockname");
  return ntohs(where.sin_port);
}

struct connection {
  explicit connection(int number) noexcept : fd(number) {}
  connection(connection const&) = delete;
  connection& operator=(connection const&) = delete;
  ~connection() { ::close(fd); }

  int fd;
  http::session session;
  std::size_t written = 0;      // of the replies
  bool wants_to_write = false;  // registered for EPOLLOUT
};

/// One worker's loop. The listener and the stop event are shared with the others.
class loop {
 public:
  loop(int listener, int stop) : listener_(listener), stop_(stop), epoll_(::epoll_create1(0)) {
    check(epoll_ >= 0, "epoll_create1");
    check(watch(EPOLL_CTL_ADD, stop_, EPOLLIN), "epoll_ctl");
    accept_again();
  }
  loop(loop const&) = delete;
  loop& operator=(loop const&) = delete;
  ~loop() { ::close(epoll_); }

  /// Serves until the stop event is set.
  void run() {
    std::array<epoll_event, 512> events;
    for (;;) {
      // Out of descriptors or memory, it looks again when a connection ends, or in a moment,
      // because others use them too.
      int const timeout = accepting_ ? -1 : 100;
      std::size_t const before = connections_.size();
      int const count =
          ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
      check(count >= 0 || errno == EINTR, "epoll_wait");
      for (int i = 0; i < count; ++i) {
        int const fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == stop_) return;
        if (fd == listener_) {
          accept_all();
        } else {
          serve(fd);
        }
      }
      if (!accepting_ && (count == 0 || connections_.size() < before)) accept_again();
    }
  }

 private:
  bool watch(int operation, int fd, std::uint32_t what) const {
    epoll_event event = {};
    event.events = what;
    event.data.fd = fd;
    return ::epoll_ctl(epoll_, operation, fd, &event) == 0;
  }

  void accept_again() {
    check(watch(EPOLL_CTL_ADD, listener_, EPOLLIN | EPOLLEXCLUSIVE), "epoll_ctl");
    accepting_ = true;
  }

  /// The listener would be reported again and again.
  void stop_accepting() {
    std::perror("accept");
    check(watch(EPOLL_CTL_DEL, listener_, 0), "epoll_ctl");
    accepting_ = false;
  }

  void accept_all() {
    for (;;) {
      int const fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN) stop_accepting();
        return;
      }
      int const on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_.insert_or_assign(fd, std::make_unique<connection>(fd));
      if (!watch(EPOLL_CTL_ADD, fd, EPOLLIN)) drop(fd);
    }
  }

  void drop(int fd) {
    std::perror("connection dropped");
    connections_.erase(fd);
  }

  void serve(int fd) {
    connection& client = *connections_.at(fd);
    bool const alive = client.wants_to_write ? flush(client) : receive(client) && flush(client);
    if (!alive) connections_.erase(fd);
  }

  static bool receive(connection& client) {
    auto const room = client.session.room();
    ssize_t const count = ::recv(client.fd, room.data(), room.size(), 0);
    if (count <= 0) return count < 0 && (errno == EAGAIN || errno == EINTR);
    client.session.received(static_cast<std::size_t>(count));
    return true;
  }

  /// False: the connection is to be closed.
  bool flush(connection& client) const {
    std::string_view const replies = client.session.replies();
    while (client.written < replies.size()) {
      ssize_t const count = ::send(client.fd, replies.data() + client.written,
                                   replies.size() - client.written, MSG_NOSIGNAL);
      if (count >= 0) {
        client.written += static_cast<std::size_t>(count);
      } else if (errno == EAGAIN) {
        await_writing(client, true);
        return true;
      } else if (errno != EINTR) {
        return false;
      }
    }
    client.session.sent();
    client.written = 0;
    await_writing(client, false);
    return !client.session.finished();
  }

  void await_writing(connection& client, bool wanted) const {
    if (client.wants_to_write == wanted) return;
    client.wants_to_write = wanted;
    check(watch(EPOLL_CTL_MOD, client.fd, wanted ? EPOLLOUT : EPOLLIN), "epoll_ctl");
  }

  int listener_;
  int stop_;
  int epoll_;
  bool accepting_ = false;
  std::unordered_map<int, std::unique_ptr<connection>> connections_;
};

}  // namespace

int main(int argc, char** argv) try {
  server_options const options = parse_options(argc, argv);
  raise_descriptor_limit();
  stop_signals const signals;
  int const listener = listen_on(options.port);
  int const stop = ::eventfd(0, EFD_CLOEXEC);
  check(stop >= 0, "eventfd");
  announce(port_of(listener));
  std::vector<std::unique_ptr<loop>> loops;
  for (unsigned i = 0; i < options.workers; ++i) {
    loops.push_back(std::make_unique<loop>(listener, stop));
  }
  std::vector<std::thread> workers;
  for (auto& one : loops) workers.emplace_back([&one] { one->run(); });
  signals.wait();
  ::eventfd_write(stop, 1);  // Level-triggered: every loop sees it.
  for (std::thread& worker : workers) worker.join();
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
