#include "kernel.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

using ramie::test::kernel;

namespace {

template <class... Arguments>
auto ask(long number, Arguments... arguments) {
  return [=] { return static_cast<int>(::syscall(number, arguments...)); };
}

}  // namespace

extern "C" {

int accept4(int fd, sockaddr* peer, socklen_t* size, int flags) {
  return kernel.accept4(ask(SYS_accept4, fd, peer, size, flags));
}

int close(int fd) {
  int const result = ask(SYS_close, fd)();
  if (kernel.on_close) kernel.on_close(fd);
  return result;
}

int connect(int fd, sockaddr const* peer, socklen_t size) {
  return kernel.connect(ask(SYS_connect, fd, peer, size));
}

int epoll_create1(int flags) noexcept {
  return kernel.epoll_create1(ask(SYS_epoll_create1, flags));
}

int epoll_ctl(int epfd, int operation, int fd, epoll_event* event) noexcept {
  return kernel.epoll_ctl(ask(SYS_epoll_ctl, epfd, operation, fd, event));
}

int epoll_wait(int epfd, epoll_event* events, int size, int timeout) {
  if (timeout != 0) ++kernel.epoll_blocks;
  int const count = kernel.epoll_wait(ask(SYS_epoll_wait, epfd, events, size, timeout));
  int const error = errno;
  if (kernel.on_events) kernel.on_events(events, count);
  errno = error;
  return count;
}

int eventfd(unsigned value, int flags) noexcept {
  return kernel.eventfd(ask(SYS_eventfd2, value, flags));
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* size) noexcept {
  return kernel.getsockopt(ask(SYS_getsockopt, fd, level, option, value, size));
}

int listen(int fd, int backlog) noexcept {
  return kernel.listen(ask(SYS_listen, fd, backlog));
}

int poll(pollfd* polled, nfds_t count, int timeout) {
  return kernel.poll(ask(SYS_poll, polled, count, timeout));
}

int ppoll(pollfd* polled, nfds_t count, timespec const* timeout, sigset_t const* mask) {
  if (kernel.on_ppoll) kernel.on_ppoll();
  timespec left = timeout != nullptr ? *timeout : timespec{};  // The kernel writes to it.
  return kernel.ppoll(
      ask(SYS_ppoll, polled, count, timeout != nullptr ? &left : nullptr, mask, std::size_t{8}));
}

ssize_t recv(int fd, void* into, std::size_t size, int flags) {
  return kernel.recv(
      [=] { return ::syscall(SYS_recvfrom, fd, into, size, flags, nullptr, nullptr); });
}

ssize_t send(int fd, void const* from, std::size_t size, int flags) {
  return kernel.send([=] { return ::syscall(SYS_sendto, fd, from, size, flags, nullptr, 0); });
}

int setsockopt(int fd, int level, int option, void const* value, socklen_t size) noexcept {
  return kernel.setsockopt(ask(SYS_setsockopt, fd, level, option, value, size));
}

int socket(int domain, int type, int protocol) noexcept {
  return kernel.socket(ask(SYS_socket, domain, type, protocol));
}

ssize_t write(int fd, void const* from, std::size_t size) {
  ssize_t const count = ::syscall(SYS_write, fd, from, size);
  if (kernel.on_bell && size == 8) kernel.on_bell();
  return count;
}
}
