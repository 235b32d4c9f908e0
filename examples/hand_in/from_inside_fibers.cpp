// Hand-in from inside on ramie: a fiber that spawns or posts goes on, and what it handed in runs
// when it waits. It never runs inline.
#include <cstdio>
#include <string>
#include <vector>

#include <ramie/ramie.hpp>

#include "from_inside.hpp"

namespace {

void show_order() {
  ramie::runtime runtime({.workers = 1});
  std::vector<std::string> const order = runtime.run([&runtime] {
    std::vector<std::string> steps;
    auto const parent = ramie::this_fiber::get_id();
    bool inline_call = false;
    ramie::event posted_ran;
    auto const step = [&](const char* what) {
      inline_call = inline_call || ramie::this_fiber::get_id() == parent;
      steps.emplace_back(what);
    };
    auto spawned = ramie::spawn([&] { step("spawned fiber runs"); });
    steps.emplace_back("spawn has returned");
    runtime.post([&] {
      step("posted fiber runs");
      posted_ran.set();
    });
    steps.emplace_back("post has returned");
    spawned.join();
    posted_ran.wait();
    program::check(!inline_call, "what is handed in is a fiber of its own");
    return steps;
  });
  for (std::string const& step : order) std::printf("# %s\n", step.c_str());
  program::check(
      order.size() == 4 && order[0] == "spawn has returned" && order[1] == "post has returned",
      "nothing that is handed in runs before the one that did it waits");
}

}  // namespace

int main(int argc, char** argv) try {
  auto const spawns = from_inside::parse(argc, argv, 1'000'000);
  show_order();
  ramie::run({.workers = 1}, [&] {
    from_inside::measure(spawns, [](auto work) { return ramie::spawn(std::move(work)); });
  });
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
