// What a model is to the program that runs it.
#pragma once

#include <iostream>
#include <span>
#include <string_view>
#include <typeinfo>

#include "memory_state.hpp"
#include "merging_scheduler.hpp"
#include "relacy_atomics.hpp"
#include "relacy_include.hpp"

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

/// rl::simulate with this scheduler. That one compiles the model for each of Relacy's, asked for or
/// not.
template <class Suite, class Scheduler>
bool simulate_by(rl::test_params& params) {
  *params.output_stream << typeid(Suite).name() << std::endl;
  rl::ostringstream failed;
  rl::test_result_e const result = rl::run_test<Suite, Scheduler>(params, failed, false);
  if (result == rl::test_result_success) return true;
  rl::ostringstream again;
  params.initial_state = failed.str();
  params.collect_history = true;
  rl::test_result_e const replayed = rl::run_test<Suite, Scheduler>(params, again, true);
  RL_VERIFY(replayed == result);
  memory.begin(0);
  return false;
}

template <class Suite>
bool simulate_random(rl::test_params& params) {
  return simulate_by<Suite, rl::random_scheduler<Suite::params::thread_count>>(params);
}

template <class Suite>
constexpr model make_model(std::string_view name, std::string_view protocols) {
  return {
      name, protocols, false, [](rl::test_params& params) {
        if (params.search_type == rl::sched_random) return simulate_random<Suite>(params);
        return simulate_by<Suite, rl::context_bound_scheduler<Suite::params::thread_count>>(params);
      }};
}

/// The same for a large model. What its threads share is made of the types of relacy_atomics.hpp,
/// before they start; anything else that they share is told to `memory`. Weak operations are used
/// only in loops that do nothing but try again.
template <class Suite>
constexpr model make_merging_model(std::string_view name, std::string_view protocols) {
  return {name, protocols, true, [](rl::test_params& params) {
            if (params.search_type == rl::sched_random) return simulate_random<Suite>(params);
            return simulate_by<Suite, merging_scheduler<Suite::params::thread_count>>(params);
          }};
}

std::span<model const> deque_models();
std::span<model const> next_models();
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
