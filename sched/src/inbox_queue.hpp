// The bounded queue under every inbox: Boost.Lockfree, and nothing of it anywhere else.
//
// TSan: boost::lockfree::queue (1.74 to 1.81) recycles its nodes through a tagged free list, and
// constructs a node with plain writes while another thread that lost a race may still read the
// node's `next` -- a value that its failing compare-and-swap then discards, because the tag has
// changed. That read is what the detector reports (a data race by the letter of the standard, and
// harmless on every machine where a pointer-sized load is one access). So the two operations are
// not instrumented; the hand-over that the detector would otherwise learn from them is told to it
// by an acquire/release pair of our own on each push and pop, so that everything around the queue
// is still checked. docs/MODELS.md takes the queue as one atomic step.
#pragma once

#include <boost/lockfree/policies.hpp>
#include <boost/lockfree/queue.hpp>
#include <cstddef>

#include <ramie/sched/detail/record.hpp>

namespace ramie::detail {

/// Thread safety: any thread may push and pop.
class inbox_queue {
 public:
  static constexpr std::size_t capacity = 1024;

  inbox_queue();

  /// False when it is full.
  bool push(fiber_record* item) noexcept;

  /// False when it was empty.
  bool pop(fiber_record*& item) noexcept;

  bool empty() const noexcept;

 private:
  boost::lockfree::queue<fiber_record*, boost::lockfree::fixed_sized<true>,
                         boost::lockfree::capacity<capacity>>
      queue_;
};

}  // namespace ramie::detail
