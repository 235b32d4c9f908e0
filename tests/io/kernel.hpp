// What a test sees of the system calls of its program, and how it makes them fail. kernel.cpp takes
// the place of the C library's functions, libev's calls included.
#pragma once

#include <netdb.h>
#include <sys/epoll.h>

#include <atomic>
#include <cerrno>
#include <functional>

namespace ramie::test {

/// One function of the C library.
class kernel_call {
 public:
  int calls() const { return calls_; }
  int failures() const { return failures_; }

  /// The next calls fail, that many of them.
  void fail(int error, int times = 1) {
    made_ = false;
    error_ = error;
    to_fail_ = times;
  }

  /// The next call is made, but tells that a signal has interrupted it.
  void interrupt() {
    fail(EINTR);
    made_ = true;
  }

  /// Whether the call is to fail; errno is set then.
  bool refuses() {
    ++calls_;
    int left = to_fail_;
    while (left > 0 && !to_fail_.compare_exchange_weak(left, left - 1)) {
    }
    if (left > 0) errno = error_;
    return left > 0;
  }

  /// Calls `attempt` unless it is to fail.
  template <class Attempt>
  auto operator()(Attempt attempt) -> decltype(attempt()) {
    if (refuses()) {
      if (made_) attempt();
      errno = error_;
      return -1;
    }
    auto const result = attempt();
    if (result < 0) ++failures_;
    return result;
  }

 private:
  std::atomic<int> calls_{0};
  std::atomic<int> failures_{0};  // those that the kernel refused, not the test
  std::atomic<int> to_fail_{0};
  std::atomic<int> error_{0};
  std::atomic<bool> made_{false};  // whether a call that fails is made all the same
};

struct kernel_calls {
  kernel_call accept4, bind, connect, epoll_create1, epoll_ctl, epoll_wait, eventfd, fcntl,
      fdatasync, flock, fstat, fsync, ftruncate, getsockname, getsockopt,
      io_uring_queue_init_params, io_uring_register_eventfd, io_uring_submit, listen, lseek, open,
      opendir, pipe2, poll, posix_spawnp, ppoll, preadv2, pwritev2, readdir, readv, recv, recvmmsg,
      recvmsg, send, sendfile, sendmmsg, sendmsg, sendto, setsockopt, shutdown, socket, socketpair,
      stat, waitid, writev;
  std::atomic<bool> short_counts{false};  // whether reads and writes take one byte at a time
  std::atomic<int> epoll_blocks{0};       // calls of epoll_wait that were to wait

  // Set while the program is quiet. After epoll_wait, with what it returned:
  std::function<void(epoll_event const*, int)> on_events;
  // After close, and after a write of eight bytes, which is what rings a bell:
  std::function<void(int)> on_close;
  std::function<void()> on_bell;
  // After sigaction:
  std::function<void(int)> on_sigaction;
  // Before them:
  std::function<void()> on_posix_spawnp;
  // After posix_spawnp, if there is a child:
  std::function<void(pid_t)> on_child;
  std::function<void()> on_listen;
  std::function<void()> on_ppoll;
  // Instead of getaddrinfo; the list is given to freeaddrinfo.
  std::function<int(char const* host, char const* service, addrinfo** found)> on_getaddrinfo;
};

inline kernel_calls kernel;

}  // namespace ramie::test
