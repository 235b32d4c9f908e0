// What a server program needs of its process: options, limits, signals.
#pragma once

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

struct number_option {
  char const* name;
  std::uint32_t& value;
  std::uint32_t least;
  std::uint32_t most;
};

struct text_option {
  char const* name;
  std::string& value;
};

/// Reads "--name VALUE" for each option; what follows them goes to `rest`, if there is one.
/// Explains itself and exits with status 2 if the command line makes no sense.
void read_options(int argc, char** argv, std::initializer_list<number_option> numbers,
                  std::initializer_list<text_option> texts = {},
                  std::vector<std::string>* rest = nullptr);

/// --port N (0: any free one) and --workers N.
struct server_options {
  std::uint16_t port = 8080;
  unsigned workers = 1;
};

server_options parse_options(int argc, char** argv);

/// As many open descriptors as the process may have.
void raise_descriptor_limit();

/// SIGINT and SIGTERM, which are blocked in every thread started after the construction, so that
/// wait() gets them.
class stop_signals {
 public:
  stop_signals();
  void wait() const;

 private:
  sigset_t signals_;
};

/// "listening on PORT", at once.
void announce(std::uint16_t port);
