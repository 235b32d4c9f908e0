// Hand-in to a plain thread with a queue.
#include <limits>

#include "hand_in.hpp"
#include "queue_loop.hpp"

namespace {

struct one_thread : queue_loop<std::numeric_limits<std::size_t>::max()> {
  explicit one_thread(unsigned workers) { bench::check(workers == 1, "it has one thread"); }
};

}  // namespace

int main(int argc, char** argv) {
  return bench::main(
      "queue",
      {{"hand_in", bench::hand_in<one_thread>}, {"hand_in_idle", bench::hand_in_idle<one_thread>}},
      argc, argv);
}
