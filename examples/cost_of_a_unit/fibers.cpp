// What a fiber costs.
#include <cstdint>
#include <utility>

#include <ramie/ramie.hpp>

#include "cost.hpp"

namespace {

// Which worker a fiber runs on is the scheduler's to choose.
struct fibers {
  using mutex = ramie::mutex;
  using condition_variable = ramie::condition_variable;

  static void yield() noexcept { ramie::this_fiber::yield(); }

  template <class F>
  static auto start(F f) {
    return ramie::spawn(std::move(f));
  }
  template <class F>
  static auto start_on(std::uint64_t, F f) {
    return start(std::move(f));
  }
};

}  // namespace

int main(int argc, char** argv) try {
  cost::settings const given = cost::parse(argc, argv);
  ramie::run({.workers = static_cast<unsigned>(given.cores), .pin_workers = true},
             [&] { cost::measurement<fibers>(given).run(); });
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
