#include "quiet_thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <array>
#include <cstdio>
#include <utility>

namespace ramie::detail {

namespace {

// Blocks signals on the calling thread for the life of the object: a new thread inherits the mask,
// so that it takes none before its first step.
class signals_blocked {
 public:
  signals_blocked() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    for (int const fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF}) {
      ::sigdelset(&all, fault);
    }
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(signals_blocked const&) = delete;
  signals_blocked& operator=(signals_blocked const&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

std::thread start_quiet_thread(std::function<void()> body) {
  signals_blocked const during_the_start;
  return std::thread(std::move(body));
}

void name_this_thread(std::string const& runtime, const char* role) noexcept {
  std::array<char, 16> name;
  std::snprintf(name.data(), name.size(), "%s-%s", runtime.c_str(), role);
  ::pthread_setname_np(::pthread_self(), name.data());
}

}  // namespace ramie::detail
