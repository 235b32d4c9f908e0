#include "process.hpp"

#include <pthread.h>
#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace {

[[noreturn]] void explain(const char* program) {
  std::fprintf(stderr, "usage: %s [--port N (0: any free one)] [--workers N (1 to 1024)]\n",
               program);
  std::exit(2);
}

unsigned number(const char* text, unsigned least, unsigned most, const char* program) {
  std::string_view const view(text);
  unsigned value = 0;
  auto const [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc() || end != view.data() + view.size() || value < least || value > most) {
    explain(program);
  }
  return value;
}

}  // namespace

server_options parse_options(int argc, char** argv) {
  server_options options;
  for (int i = 1; i < argc; i += 2) {
    std::string_view const name(argv[i]);
    if (i + 1 == argc) explain(argv[0]);
    if (name == "--port") {
      options.port = static_cast<std::uint16_t>(number(argv[i + 1], 0, 65535, argv[0]));
    } else if (name == "--workers") {
      options.workers = number(argv[i + 1], 1, 1024, argv[0]);
    } else {
      explain(argv[0]);
    }
  }
  return options;
}

void raise_descriptor_limit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

stop_signals::stop_signals() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void stop_signals::wait() const {
  int which = 0;
  sigwait(&signals_, &which);
}

void announce(std::uint16_t port) {
  std::printf("listening on %u\n", static_cast<unsigned>(port));
  std::fflush(stdout);
}
