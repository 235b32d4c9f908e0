// The inbox's bounded queue, as the models take it: each operation is one atomic step.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <span>

#include "relacy_atomics.hpp"

namespace ramie::models {

/// A FIFO of at most `Capacity` items. A step of the count is the operation; what follows it up to
/// the next atomic operation is plain C++, which no other thread of a model interrupts.
template <class T, std::size_t Capacity>
class model_queue {
 public:
  bool push(T* item) {
    for (std::size_t n = look(); n < Capacity;) {
      if (!step(n, n + 1)) continue;
      items_.at((first_ + n) % Capacity) = item;
      return true;
    }
    return false;
  }

  std::size_t pop(std::span<T*> out) {
    for (std::size_t n = look(); n > 0 && !out.empty();) {
      std::size_t const taken = std::min(n, out.size());
      if (!step(n, n - taken)) continue;
      for (T*& item : out.first(taken)) {
        item = items_.at(first_);
        first_ = (first_ + 1) % Capacity;
      }
      return taken;
    }
    return 0;
  }

  /// A look that may be out of date.
  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }

 private:
  /// The count as it is now.
  std::size_t look() { return count_.fetch_add(0, std::memory_order_relaxed); }
  bool step(std::size_t& from, std::size_t to) {
    bool const stepped = count_.compare_exchange_strong(from, to, std::memory_order_acq_rel,
                                                        std::memory_order_relaxed);
    if (stepped) memory.change(contents_);
    return stepped;
  }

  std::array<T*, Capacity> items_{};
  std::size_t first_ = 0;
  relacy_atomics::atomic<std::size_t> count_{0};
  memory_state::name const contents_ = memory.make_object();
};

}  // namespace ramie::models
