// The same with a thread for each piece of work.
#include <thread>
#include <utility>

#include "from_inside.hpp"

int main(int argc, char** argv) try {
  auto const spawns = from_inside::parse(argc, argv, 20'000);
  from_inside::measure(spawns, [](auto work) { return std::jthread(std::move(work)); });
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
