// What a model is to the program that runs it.
#pragma once

#include <span>
#include <string_view>

#include "merging_scheduler.hpp"
#include "relacy_atomics.hpp"

namespace ramie::models {

struct model {
  std::string_view name;
  /// The protocols whose templates take part, as the letters that their operations' tags begin
  /// with.
  std::string_view protocols;
  /// Whether the exhaustive search merges states.
  bool merging;
  bool (*run)(rl::test_params&);
};

template <class Suite>
constexpr model make_model(std::string_view name, std::string_view protocols) {
  return {name, protocols, false,
          [](rl::test_params& params) { return rl::simulate<Suite>(params); }};
}

/// The same for a large model. What its threads share is made of the types of relacy_atomics.hpp,
/// before they start; anything else that they share is told to `memory`. Weak operations are used
/// only in loops that do nothing but try again.
template <class Suite>
constexpr model make_merging_model(std::string_view name, std::string_view protocols) {
  return {name, protocols, true, [](rl::test_params& params) {
            return params.search_type == rl::sched_random ? rl::simulate<Suite>(params)
                                                          : simulate_merging<Suite>(params);
          }};
}

std::span<model const> deque_models();
std::span<model const> park_models();
std::span<model const> join_models();
std::span<model const> idle_models();
std::span<model const> lock_models();
std::span<model const> gate_models();
std::span<model const> inbox_models();
std::span<model const> place_models();
std::span<model const> visit_models();
std::span<model const> select_models();
std::span<model const> slot_models();
std::span<model const> mutex_models();
std::span<model const> shared_mutex_models();
std::span<model const> condition_models();
std::span<model const> semaphore_models();
std::span<model const> channel_models();
std::span<model const> arrival_models();
std::span<model const> signal_models();
std::span<model const> future_models();

}  // namespace ramie::models
