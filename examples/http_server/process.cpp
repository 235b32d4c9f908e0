#include "process.hpp"

#include <pthread.h>
#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace {

class command_line {
 public:
  command_line(char const* program, std::initializer_list<number_option> numbers,
               std::initializer_list<text_option> texts, bool takes_more)
      : program_(program), numbers_(numbers), texts_(texts), takes_more_(takes_more) {}

  /// False: there is no such option, or it can't be that.
  bool read(std::string_view name, char const* value) const {
    for (text_option const& each : texts_) {
      if (name == each.name) return each.value = value, true;
    }
    for (number_option const& each : numbers_) {
      if (name == each.name) return read_number(value, each);
    }
    return false;
  }

  [[noreturn]] void explain() const {
    std::fprintf(stderr, "usage: %s", program_);
    for (text_option const& each : texts_) std::fprintf(stderr, " [%s TEXT]", each.name);
    for (number_option const& each : numbers_) {
      std::fprintf(stderr, " [%s N (%u to %u, else %u)]", each.name, each.least, each.most,
                   each.value);
    }
    std::fprintf(stderr, takes_more_ ? " ...\n" : "\n");
    std::exit(2);
  }

 private:
  static bool read_number(std::string_view text, number_option const& option) {
    std::uint32_t value = 0;
    auto const [end, error] = std::from_chars(text.begin(), text.end(), value);
    bool const good =
        error == std::errc() && end == text.end() && value >= option.least && value <= option.most;
    if (good) option.value = value;
    return good;
  }

  char const* program_;
  std::initializer_list<number_option> numbers_;
  std::initializer_list<text_option> texts_;
  bool takes_more_;
};

}  // namespace

void read_options(int argc, char** argv, std::initializer_list<number_option> numbers,
                  std::initializer_list<text_option> texts, std::vector<std::string>* rest) {
  command_line const known(argv[0], numbers, texts, rest != nullptr);
  int i = 1;
  for (; i < argc && std::string_view(argv[i]).starts_with("--"); i += 2) {
    if (i + 1 == argc || !known.read(argv[i], argv[i + 1])) known.explain();
  }
  if (rest != nullptr) {
    rest->assign(argv + i, argv + argc);
  } else if (i < argc) {
    known.explain();
  }
}

server_options parse_options(int argc, char** argv) {
  server_options options;
  std::uint32_t port = options.port;
  read_options(argc, argv, {{"--port", port, 0, 65'535}, {"--workers", options.workers, 1, 1024}});
  options.port = static_cast<std::uint16_t>(port);
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
