// Seeded stress over every primitive of ramie/sync: rounds, each of which draws workers, fibers,
// plain threads and what they use from its seed, with cancellation, deadlines and time-outs.
//   sync_stress [--seed N] [--seconds S] [--rounds R] [--patience S]
// The first round has the seed N (drawn, and shown), the next ones N + 1, ...; the last one begins
// before S seconds (10) are over, or is the Rth. Exit 0: nothing found. Otherwise it aborts, naming
// the seed of the round; STUCK: nobody has made a step for so long (60 s).
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <string_view>
#include <system_error>

#include "round.hpp"

namespace {

struct options {
  std::uint64_t seed = std::random_device{}();
  std::uint64_t seconds = 10;
  std::uint64_t rounds = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t patience = 60;
};

bool parse(int argc, char** argv, options& given) {
  struct known {
    std::string_view name;
    std::uint64_t& value;
  };
  for (int i = 1; i < argc; i += 2) {
    bool found = false;
    for (known const each :
         {known{"--seed", given.seed}, known{"--seconds", given.seconds},
          known{"--rounds", given.rounds}, known{"--patience", given.patience}}) {
      if (argv[i] != each.name || i + 1 == argc) continue;
      std::string_view const text(argv[i + 1]);
      auto const read = std::from_chars(text.data(), text.data() + text.size(), each.value);
      found = read.ec == std::errc() && read.ptr == text.data() + text.size();
    }
    if (!found) return false;
  }
  return given.patience != 0;
}

}  // namespace

int main(int argc, char** argv) {
  options given;
  if (!parse(argc, argv, given)) {
    std::fprintf(stderr, "usage: %s [--seed N] [--seconds S] [--rounds R] [--patience S]\n",
                 argv[0]);
    return 2;
  }
  auto const start = std::chrono::steady_clock::now();
  std::uint64_t done = 0;
  auto const goes_on = [&] {
    return done < given.rounds &&
           std::chrono::steady_clock::now() - start < std::chrono::seconds(given.seconds);
  };
  for (; goes_on(); ++done) {
    stress::play_round(given.seed + done, std::chrono::seconds(given.patience));
  }
  std::printf("%llu rounds from seed %llu: nothing found\n", static_cast<unsigned long long>(done),
              static_cast<unsigned long long>(given.seed));
  return 0;
}
