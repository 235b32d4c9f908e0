// What a model is to the program that runs it.
#pragma once

#include <span>

#include "relacy_atomics.hpp"

namespace ramie::models {

struct model {
  std::string_view name;
  /// The protocols whose templates take part, as the letters that their operations' tags begin
  /// with.
  std::string_view protocols;
  /// How many preemptions the exhaustive search allows unless told otherwise.
  unsigned bound;
  bool (*run)(rl::test_params&);
};

template <class Suite>
constexpr model make_model(std::string_view name, std::string_view protocols, unsigned bound = 4) {
  return {name, protocols, bound,
          [](rl::test_params& params) { return rl::simulate<Suite>(params); }};
}

std::span<model const> deque_models();
std::span<model const> park_models();
std::span<model const> join_models();
std::span<model const> idle_models();
std::span<model const> gate_models();
std::span<model const> inbox_models();
std::span<model const> slot_models();

}  // namespace ramie::models
