#include "program.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace program {

namespace {

[[noreturn]] void explain(const char* name, const char* purpose,
                          std::vector<option> const& options) {
  std::fprintf(stderr, "%s: %s\nusage: %s [--OPTION N] ...\n", name, purpose, name);
  for (option const& each : options) {
    std::fprintf(stderr, "  --%-15s %s (%llu to %llu; %llu)\n", each.name, each.meaning,
                 static_cast<unsigned long long>(each.least),
                 static_cast<unsigned long long>(each.most),
                 static_cast<unsigned long long>(*each.value));
  }
  std::exit(2);
}

bool read(std::string_view text, option const& into) {
  std::uint64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  if (value < into.least || value > into.most) return false;
  *into.value = value;
  return true;
}

const char* running = "";  // the program's name, for out_of_time

void say(std::string_view text) {
  [[maybe_unused]] ssize_t const written = ::write(STDERR_FILENO, text.data(), text.size());
}

// Does only what a signal handler may do.
void out_of_time(int) {
  say(running);
  say(": time limit exceeded\n");
  ::_exit(1);
}

void end_after(std::uint64_t seconds) {
  std::signal(SIGALRM, out_of_time);
  ::alarm(static_cast<unsigned>(seconds));
}

}  // namespace

void parse(int argc, char** argv, const char* purpose, std::vector<option> options) {
  std::uint64_t limit_s = 60;
  options.push_back({"limit-s", &limit_s, 1, 3600, "seconds until it gives up"});
  for (int i = 1; i < argc; i += 2) {
    std::string_view const given(argv[i]);
    auto const found = std::find_if(options.begin(), options.end(), [&](option const& each) {
      return given.starts_with("--") && given.substr(2) == each.name;
    });
    if (i + 1 == argc || found == options.end() || !read(argv[i + 1], *found)) {
      explain(argv[0], purpose, options);
    }
  }
  running = argv[0];
  end_after(limit_s);
}

void check(bool holds, const char* what) {
  if (!holds) throw wrong_result(std::string("wrong result: ") + what);
}

void report(const char* figure, double value, const char* unit) {
  std::printf("%s %.2f %s\n", figure, value, unit);
  std::fflush(stdout);
}

int failed(char const* const* argv, std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}

void samples::report(const char* figure) {
  std::sort(ns_.begin(), ns_.end());
  auto const at = [&](double quantile) {
    return ns_[static_cast<std::size_t>(quantile * static_cast<double>(ns_.size() - 1))] / 1e3;
  };
  program::report((std::string(figure) + "_p50").c_str(), at(0.5), "us");
  program::report((std::string(figure) + "_p99").c_str(), at(0.99), "us");
}

}  // namespace program
