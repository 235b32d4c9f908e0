// Signals that a test sends itself.
#pragma once

#include <signal.h>

namespace ramie::test {

/// Handled when this returns, on a worker too, which blocks signals.
inline void raise_here(int number) {
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, number);
  sigset_t before;
  ::pthread_sigmask(SIG_UNBLOCK, &only, &before);
  ::raise(number);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace ramie::test
