// The bounded queue under every inbox: Boost.Lockfree, and nothing of it anywhere else.
//
// TSan: boost::lockfree::queue (1.74 to 1.81) recycles its nodes through a tagged free list, and
// sets a node up with plain writes while another thread, which has lost a race for that node, may
// still read it -- a value that the loser's compare-and-swap then discards, because the tag has
// changed. The detector reports that pair (a data race by the letter of the standard; harmless
// where an aligned word is read in one access, as on every machine that Boost supports here). So
// plain accesses inside the three operations are not looked at. Its atomic operations are, so the
// hand-over of an item still orders what comes before a push with what comes after its pop, and
// everything around the queue stays checked. docs/MODELS.md takes the queue as one atomic step.
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
