// What every measuring program has: options that are numbers, a time limit, result lines and named
// errors.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <vector>

namespace program {

/// --NAME N on the command line.
struct option {
  const char* name;
  std::uint64_t* value;  ///< Its default until it is given.
  std::uint64_t least;
  std::uint64_t most;
  const char* meaning;
};

/// Reads the options; exits with status 2, explaining the program, if they make no sense. Every
/// program knows --limit-s N (60) too: it ends with status 1 if it takes longer.
void parse(int argc, char** argv, const char* purpose, std::vector<option> options);

/// The program did not do what it says it does.
class wrong_result : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws wrong_result unless it holds.
void check(bool holds, const char* what);

/// "FIGURE VALUE UNIT", a line of its own on standard output.
void report(const char* figure, double value, const char* unit);

/// Names the error on standard error; main's exit status.
int failed(char const* const* argv, std::exception const& error);

class stopwatch {
 public:
  double ns() const {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Times, in nanoseconds, and their quantiles.
class samples {
 public:
  explicit samples(std::uint64_t expected) { ns_.reserve(expected); }
  void add(double ns) { ns_.push_back(ns); }

  /// FIGURE_p50 and FIGURE_p99 in microseconds. There is at least one sample.
  void report(const char* figure);

 private:
  std::vector<double> ns_;
};

}  // namespace program
