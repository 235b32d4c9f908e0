// In which order locks were locked, and whether a new order contradicts that.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace ramie::detail {

/// A place in the program: the innermost frames of its callers.
class call_site {
 public:
  /// The caller's caller's, and so on.
  static call_site here() noexcept;

  /// A line for each frame.
  std::string describe() const;

 private:
  static constexpr int depth = 16;
  std::array<void*, depth> frames_{};
  int count_ = 0;
};

/// That `who` holds, or locks, a lock.
struct lock_step {
  void const* lock;
  char const* kind;
  std::string who;
  call_site where;
};

/// That somebody locked `second` while holding `first`.
struct lock_pair {
  lock_step first;
  lock_step second;
};

/// A directed graph of all pairs that were seen: a cycle is a possible deadlock. Thread safety:
/// none; the registry's lock guards it.
class lock_order {
 public:
  /// Adds a pair. If the graph leads from `second` to `first` already, returns the pairs on the way
  /// there, the first time that it sees this pair; else nothing.
  std::vector<lock_pair> add(lock_pair const& pair);

  /// A lock has ended: its address may become another one's.
  void forget(void const* lock);

 private:
  struct node {
    std::map<void const*, lock_pair> next;
    std::set<void const*> previous;
  };

  /// The pairs on a way that leads there; nothing if none does.
  std::vector<lock_pair> find_way(void const* from, void const* to) const;

  std::map<void const*, node> nodes_;
};

}  // namespace ramie::detail
