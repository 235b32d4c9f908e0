// What the small servers have in common: numbers from the command line.
#pragma once

#include <cstdint>
#include <initializer_list>

struct number_option {
  char const* name;
  std::uint32_t& value;
  std::uint32_t least;
  std::uint32_t most;
};

/// Reads "--name N" for each option. Explains itself and exits with status 2 if the command line
/// makes no sense.
void read_options(int argc, char** argv, std::initializer_list<number_option> options);

/// "listening on PORT", at once.
void announce(std::uint16_t port);
