// Pipelines: in each a source, two stages and a sink, a thread each, with a bounded buffer between
// neighbours.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "ported.hpp"

namespace {

using number = std::uint64_t;
constexpr std::size_t stages = 4;  // source and sink among them

/// A queue of at most so many; put and take wait.
class bounded_buffer {
 public:
  void put(number value) {
    lib::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return values_.size() < most; });
    values_.push_back(value);
    lock.unlock();
    some_.notify_one();
  }

  number take() {
    lib::unique_lock lock(mutex_);
    some_.wait(lock, [this] { return !values_.empty(); });
    number const value = values_.front();
    values_.pop_front();
    lock.unlock();
    room_.notify_one();
    return value;
  }

 private:
  static constexpr std::size_t most = 8;

  lib::mutex mutex_;
  lib::condition_variable room_;
  lib::condition_variable some_;
  std::deque<number> values_;  // guarded by mutex_
};

struct pipeline {
  bounded_buffer raw;
  bounded_buffer squared;
  bounded_buffer shifted;
  number sum = 0;
};

void add_to(ported::crowd& all, pipeline& line, number items) {
  all.add([&line, items] {
    for (number i = 0; i < items; ++i) line.raw.put(i);
  });
  all.add([&line, items] {
    for (number i = 0; i < items; ++i) {
      number const value = line.raw.take();
      line.squared.put(value * value);
    }
  });
  all.add([&line, items] {
    for (number i = 0; i < items; ++i) line.shifted.put(line.squared.take() + 1);
  });
  all.add([&line, items] {
    for (number i = 0; i < items; ++i) line.sum = line.sum * 31 + line.shifted.take();
  });
}

number expected_sum(number items) {
  number sum = 0;
  for (number i = 0; i < items; ++i) sum = sum * 31 + i * i + 1;  // in order, wrapping
  return sum;
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint64_t threads = 4'000;
  std::uint64_t items = 500;
  program::parse(argc, argv, "passes numbers through pipelines",
                 {{"threads", &threads, stages, 100'000, "four to a pipeline"},
                  {"items", &items, 1, 1'000'000'000, "through each pipeline"}});
  ported::prepare();
  ported::measurement const here;
  std::vector<std::unique_ptr<pipeline>> lines(threads / stages);
  ported::crowd all(lines.size() * stages);
  for (auto& line : lines) {
    line = std::make_unique<pipeline>();
    add_to(all, *line, items);
  }
  all.run();
  for (auto const& line : lines) {
    program::check(line->sum == expected_sum(items), "every number arrives, in order");
  }
  here.report(all);
  return 0;
} catch (std::exception const& error) {
  return program::failed(argv, error);
}
