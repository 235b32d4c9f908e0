// For writes that have no flag against SIGPIPE, as send(2) has.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <ctime>
#include <system_error>

#include "failure.hpp"

namespace ramie::detail {

/// While it lives, a write that nobody can read any more is an error only. On one OS thread,
/// between two switches.
class without_sigpipe {
 public:
  without_sigpipe() noexcept {
    ::sigemptyset(&only_);
    ::sigaddset(&only_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    if (!was_pending_) ::pthread_sigmask(SIG_BLOCK, &only_, &before_);
  }
  without_sigpipe(without_sigpipe const&) = delete;
  without_sigpipe& operator=(without_sigpipe const&) = delete;
  ~without_sigpipe() {
    // A SIGPIPE that was pending before, because it is blocked, is not ours to take.
    if (was_pending_) return;
    int const error = errno;
    timespec const at_once = {};
    if (raised_) ::sigtimedwait(&only_, nullptr, &at_once);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }

  /// What the write has told, of so many bytes. One that writes in several steps, as sendfile(2)
  /// does, tells what went before the signal.
  void note(ssize_t result, std::size_t wanted) noexcept {
    raised_ = result < 0 ? io::last_error() == std::errc::broken_pipe
                         : static_cast<std::size_t>(result) < wanted;
  }

 private:
  sigset_t only_;
  sigset_t before_;
  bool was_pending_ = false;
  bool raised_ = false;  // or may be
};

}  // namespace ramie::detail
