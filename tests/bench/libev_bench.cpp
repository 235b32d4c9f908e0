// Hand-in to a libev loop through ev_async.
#include <limits>

#include "hand_in.hpp"
#include "libev_loop.hpp"

namespace {

struct one_loop : libev_loop<std::numeric_limits<std::size_t>::max()> {
  explicit one_loop(unsigned workers) { bench::check(workers == 1, "it has one thread"); }
};

}  // namespace

int main(int argc, char** argv) {
  return bench::main(
      "libev",
      {{"hand_in", bench::hand_in<one_loop>}, {"hand_in_idle", bench::hand_in_idle<one_loop>}},
      argc, argv);
}
