#include "serving.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace {

[[noreturn]] void explain(char const* program, std::initializer_list<number_option> options) {
  std::fprintf(stderr, "usage: %s", program);
  for (number_option const& each : options) {
    std::fprintf(stderr, " [%s N (%u to %u, else %u)]", each.name, each.least, each.most,
                 each.value);
  }
  std::fprintf(stderr, "\n");
  std::exit(2);
}

bool read_number(std::string_view text, number_option const& option) {
  auto const [end, error] = std::from_chars(text.begin(), text.end(), option.value);
  return error == std::errc() && end == text.end() && option.value >= option.least &&
         option.value <= option.most;
}

}  // namespace

void read_options(int argc, char** argv, std::initializer_list<number_option> options) {
  for (int i = 1; i < argc; i += 2) {
    bool known = false;
    for (number_option const& each : options) {
      if (std::string_view(argv[i]) != each.name || i + 1 == argc) continue;
      known = read_number(argv[i + 1], each);
    }
    if (!known) explain(argv[0], options);
  }
}
