#include "kernel.hpp"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <liburing.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>

using ramie::test::kernel;

namespace {

template <class... Arguments>
auto ask(long number, Arguments... arguments) {
  return [=] { return static_cast<int>(::syscall(number, arguments...)); };
}

/// For calls that count bytes.
template <class... Arguments>
auto ask_count(long number, Arguments... arguments) {
  return [=] { return static_cast<ssize_t>(::syscall(number, arguments...)); };
}

/// The C library's function of that name, for those that are more than a system call.
template <class Function>
Function* real(Function*, char const* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::size_t shortened(std::size_t size) {
  return kernel.short_counts ? std::min<std::size_t>(size, 1) : size;
}

/// The first byte of the first part, where counts are short.
class short_parts {
 public:
  short_parts(iovec const* parts, std::size_t count) : parts_(parts), count_(count) {
    if (!kernel.short_counts || count == 0) return;
    only_ = {parts[0].iov_base, std::min<std::size_t>(parts[0].iov_len, 1)};
    parts_ = &only_;
    count_ = 1;
  }
  iovec* data() const { return const_cast<iovec*>(parts_); }
  std::size_t count() const { return count_; }

 private:
  iovec only_{};
  iovec const* parts_;
  std::size_t count_;
};

}  // namespace

extern "C" {

int accept4(int fd, sockaddr* peer, socklen_t* size, int flags) {
  return kernel.accept4(ask(SYS_accept4, fd, peer, size, flags));
}

int bind(int fd, sockaddr const* where, socklen_t size) noexcept {
  return kernel.bind(ask(SYS_bind, fd, where, size));
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

int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  auto const argument = va_arg(rest, unsigned long);
  va_end(rest);
  return kernel.fcntl(ask(SYS_fcntl, fd, command, argument));
}

int fdatasync(int fd) {
  return kernel.fdatasync(ask(SYS_fdatasync, fd));
}

int flock(int fd, int operation) noexcept {
  return kernel.flock(ask(SYS_flock, fd, operation));
}

int fstat(int fd, struct stat* found) noexcept {
  return kernel.fstat(ask(SYS_fstat, fd, found));
}

int fsync(int fd) {
  return kernel.fsync(ask(SYS_fsync, fd));
}

int ftruncate(int fd, off_t size) noexcept {
  return kernel.ftruncate(ask(SYS_ftruncate, fd, size));
}

int getaddrinfo(char const* host, char const* service, addrinfo const* wanted, addrinfo** found) {
  if (kernel.on_getaddrinfo) return kernel.on_getaddrinfo(host, service, found);
  return real(&getaddrinfo, "getaddrinfo")(host, service, wanted, found);
}

int getsockname(int fd, sockaddr* where, socklen_t* size) noexcept {
  return kernel.getsockname(ask(SYS_getsockname, fd, where, size));
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* size) noexcept {
  return kernel.getsockopt(ask(SYS_getsockopt, fd, level, option, value, size));
}

// liburing's own, with an error that they return.
int io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* parameters) {
  if (kernel.io_uring_queue_init_params.refuses()) return -errno;
  return real(&io_uring_queue_init_params, "io_uring_queue_init_params")(entries, ring, parameters);
}

int io_uring_register_eventfd(io_uring* ring, int event) {
  if (kernel.io_uring_register_eventfd.refuses()) return -errno;
  return real(&io_uring_register_eventfd, "io_uring_register_eventfd")(ring, event);
}

int io_uring_submit(io_uring* ring) {
  if (kernel.io_uring_submit.refuses()) return -errno;
  return real(&io_uring_submit, "io_uring_submit")(ring);
}

int listen(int fd, int backlog) noexcept {
  if (kernel.on_listen) kernel.on_listen();
  return kernel.listen(ask(SYS_listen, fd, backlog));
}

off_t lseek(int fd, off_t offset, int from) noexcept {
  return kernel.lseek([=] { return static_cast<off_t>(::syscall(SYS_lseek, fd, offset, from)); });
}

int open(char const* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  auto const permissions = va_arg(rest, unsigned);
  va_end(rest);
  return kernel.open(ask(SYS_openat, AT_FDCWD, path, flags, permissions));
}

DIR* opendir(char const* path) {
  return kernel.opendir.refuses() ? nullptr : real(&opendir, "opendir")(path);
}

int pipe2(int* ends, int flags) noexcept {
  return kernel.pipe2(ask(SYS_pipe2, ends, flags));
}

int poll(pollfd* polled, nfds_t count, int timeout) {
  return kernel.poll(ask(SYS_poll, polled, count, timeout));
}

int posix_spawnp(pid_t* id, char const* file, posix_spawn_file_actions_t const* actions,
                 posix_spawnattr_t const* attributes, char* const* arguments,
                 char* const* environment) {
  if (kernel.on_posix_spawnp) kernel.on_posix_spawnp();
  if (kernel.posix_spawnp.refuses()) return errno;
  int const error =
      real(&posix_spawnp, "posix_spawnp")(id, file, actions, attributes, arguments, environment);
  if (error == 0 && kernel.on_child) kernel.on_child(*id);
  return error;
}

int ppoll(pollfd* polled, nfds_t count, timespec const* timeout, sigset_t const* mask) {
  if (kernel.on_ppoll) kernel.on_ppoll();
  timespec left = timeout != nullptr ? *timeout : timespec{};  // The kernel writes to it.
  return kernel.ppoll(
      ask(SYS_ppoll, polled, count, timeout != nullptr ? &left : nullptr, mask, std::size_t{8}));
}

ssize_t preadv2(int fd, iovec const* parts, int count, off_t offset, int flags) {
  short_parts const asked(parts, static_cast<std::size_t>(count));
  return kernel.preadv2(
      ask_count(SYS_preadv2, fd, asked.data(), asked.count(), offset, 0L, long{flags}));
}

ssize_t pwritev2(int fd, iovec const* parts, int count, off_t offset, int flags) {
  short_parts const asked(parts, static_cast<std::size_t>(count));
  return kernel.pwritev2(
      ask_count(SYS_pwritev2, fd, asked.data(), asked.count(), offset, 0L, long{flags}));
}

dirent* readdir(DIR* directory) {
  return kernel.readdir.refuses() ? nullptr : real(&readdir, "readdir")(directory);
}

ssize_t readv(int fd, iovec const* parts, int count) {
  short_parts const asked(parts, static_cast<std::size_t>(count));
  return kernel.readv(ask_count(SYS_readv, fd, asked.data(), asked.count()));
}

ssize_t recv(int fd, void* into, std::size_t size, int flags) {
  return kernel.recv(ask_count(SYS_recvfrom, fd, into, shortened(size), flags, nullptr, nullptr));
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  return kernel.recvmmsg(ask(SYS_recvmmsg, fd, messages, shortened(count), flags, timeout));
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  short_parts const asked(message->msg_iov, message->msg_iovlen);
  return kernel.recvmsg([&] {
    msghdr shorter = *message;
    shorter.msg_iov = asked.data();
    shorter.msg_iovlen = asked.count();
    ssize_t const count = ::syscall(SYS_recvmsg, fd, &shorter, flags);
    shorter.msg_iov = message->msg_iov;
    shorter.msg_iovlen = message->msg_iovlen;
    *message = shorter;
    return count;
  });
}

ssize_t send(int fd, void const* from, std::size_t size, int flags) {
  return kernel.send(ask_count(SYS_sendto, fd, from, shortened(size), flags, nullptr, 0));
}

ssize_t sendfile(int to, int from, off_t* offset, std::size_t size) noexcept {
  return kernel.sendfile(ask_count(SYS_sendfile, to, from, offset, shortened(size)));
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return kernel.sendmmsg(ask(SYS_sendmmsg, fd, messages, shortened(count), flags));
}

ssize_t sendmsg(int fd, msghdr const* message, int flags) {
  short_parts const asked(message->msg_iov, message->msg_iovlen);
  msghdr shorter = *message;
  shorter.msg_iov = asked.data();
  shorter.msg_iovlen = asked.count();
  return kernel.sendmsg(ask_count(SYS_sendmsg, fd, &shorter, flags));
}

ssize_t sendto(int fd, void const* from, std::size_t size, int flags, sockaddr const* to,
               socklen_t to_size) {
  return kernel.sendto(ask_count(SYS_sendto, fd, from, size, flags, to, to_size));
}

int setsockopt(int fd, int level, int option, void const* value, socklen_t size) noexcept {
  return kernel.setsockopt(ask(SYS_setsockopt, fd, level, option, value, size));
}

int shutdown(int fd, int how) noexcept {
  return kernel.shutdown(ask(SYS_shutdown, fd, how));
}

int sigaction(int number, struct sigaction const* action, struct sigaction* before) noexcept {
  int const result = real(&sigaction, "sigaction")(number, action, before);
  if (kernel.on_sigaction) kernel.on_sigaction(number);
  return result;
}

int socket(int domain, int type, int protocol) noexcept {
  return kernel.socket(ask(SYS_socket, domain, type, protocol));
}

int socketpair(int domain, int type, int protocol, int* ends) noexcept {
  return kernel.socketpair(ask(SYS_socketpair, domain, type, protocol, ends));
}

int stat(char const* path, struct stat* found) noexcept {
  return kernel.stat(ask(SYS_newfstatat, AT_FDCWD, path, found, 0));
}

int waitid(idtype_t kind, id_t id, siginfo_t* found, int options) {
  return kernel.waitid(ask(SYS_waitid, kind, id, found, options, nullptr));
}

ssize_t write(int fd, void const* from, std::size_t size) {
  ssize_t const count = ::syscall(SYS_write, fd, from, size);
  if (kernel.on_bell && size == 8) kernel.on_bell();
  return count;
}

ssize_t writev(int fd, iovec const* parts, int count) {
  short_parts const asked(parts, static_cast<std::size_t>(count));
  return kernel.writev(ask_count(SYS_writev, fd, asked.data(), asked.count()));
}
}
