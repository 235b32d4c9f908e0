// Dining philosophers: a thread for each, and a mutex for each fork.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ported.hpp"

namespace {

class table {
 public:
  explicit table(std::size_t seats) : forks_(seats), eaten_(seats) {}

  std::size_t seats() const noexcept { return forks_.size(); }

  void eat(std::size_t seat) {
    lib::scoped_lock const both(forks_[seat].lies_here, forks_[right_of(seat)].lies_here);
    // Each fork counts how often it was used: only whoever holds it may.
    ++forks_[seat].uses;
    ++forks_[right_of(seat)].uses;
    if (eaten_[seat]++ % 16 == 0) lib::this_thread::yield();  // a long bite, fork in hand
  }

  void check_after(std::uint64_t meals) const {
    for (std::size_t seat = 0; seat < seats(); ++seat) {
      program::check(eaten_[seat] == meals, "everybody eats as often as was said");
      program::check(forks_[seat].uses == 2 * meals, "a fork is used by one at a time");
    }
  }

 private:
  struct fork {
    lib::mutex lies_here;
    std::uint64_t uses = 0;  // guarded by lies_here
  };

  std::size_t right_of(std::size_t seat) const noexcept { return (seat + 1) % seats(); }

  std::vector<fork> forks_;
  std::vector<std::uint64_t> eaten_;  // each by its philosopher
};

}  // namespace

int main(int argc, char** argv) try {
  std::uint64_t philosophers = 4'000;
  std::uint64_t meals = 200;
  program::parse(argc, argv, "lets philosophers dine",
                 {{"threads", &philosophers, 2, 100'000, "philosophers, a thread each"},
                  {"meals", &meals, 1, 1'000'000'000, "of each"}});
  ported::prepare();
  ported::measurement const here;
  table round(philosophers);
  ported::crowd all(philosophers);
  for (std::size_t seat = 0; seat < philosophers; ++seat) {
    all.add([&round, seat, meals] {
      for (std::uint64_t i = 0; i < meals; ++i) round.eat(seat);
    });
  }
  all.run();
  round.check_after(meals);
  here.report(all);
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
