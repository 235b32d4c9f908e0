// What the merging search remembers of the states that it has met.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "relacy_include.hpp"

namespace ramie::models {

/// How often each state has been met, as far as it matters: with how many preemptions left. States
/// are known by 64-bit hashes: among ten million, two are taken for one with a chance of three in a
/// million.
class met_states {
 public:
  met_states() : key_(first_size), left_(first_size) {}

  /// True if the state is new, or has been met only with less left.
  bool meet(std::uint64_t key, unsigned left) {
    if (used_ * 2 > key_.size()) grow();
    std::size_t const at = find(key);
    if (left_[at] > left) return false;
    if (left_[at] == 0) ++used_;
    key_[at] = key;
    left_[at] = static_cast<unsigned char>(left + 1);
    return true;
  }

  std::size_t size() const { return used_; }
  std::uint64_t sum() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < key_.size(); ++i)
      sum += left_[i] == 0 ? 0 : mixed(key_[i], left_[i]);
    return sum;
  }

 private:
  static constexpr std::size_t first_size = 1 << 16;

  std::size_t find(std::uint64_t key) const {
    std::size_t at = key & (key_.size() - 1);
    while (left_[at] != 0 && key_[at] != key) at = (at + 1) & (key_.size() - 1);
    return at;
  }

  void grow() {
    met_states larger(key_.size() * 2);
    for (std::size_t i = 0; i < key_.size(); ++i) {
      if (left_[i] != 0) larger.meet(key_[i], left_[i] - 1U);
    }
    *this = std::move(larger);
  }

  explicit met_states(std::size_t size) : key_(size), left_(size) {}

  // Relacy's vector, since its operator new must not be used while a model runs.
  rl::vector<std::uint64_t>::type key_;
  rl::vector<unsigned char>::type left_;  ///< One more than what was left; 0: no state here.
  std::size_t used_ = 0;
};

/// What each step from each state leads to: it must be the same each time.
class step_results {
 public:
  /// False if the step has led elsewhere before.
  bool note(std::uint64_t step, std::uint64_t result) {
    return result_.try_emplace(step, result).first->second == result;
  }

 private:
  rl::map<std::uint64_t, std::uint64_t>::type result_;
};

}  // namespace ramie::models
