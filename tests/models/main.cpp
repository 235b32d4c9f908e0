// Runs the models: ramie_models [--list] [--model NAME] [--search bound|random|both-ways]
// [--iterations N] [--bound N] [--weaken TAG:ORDER]. The exit status is 0 if every model that ran
// has passed.
#include <array>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include "model.hpp"

namespace ramie::models {
namespace {

struct options {
  std::string model = "all";
  rl::scheduler_type_e search = rl::sched_bound;
  bool both_ways = false;
  unsigned bound = 4;
  rl::iteration_t iterations = 200'000;
  bool list = false;
};

std::vector<model> all_models() {
  std::vector<model> all;
  for (auto group :
       {deque_models(),   next_models(),         lock_models(),      park_models(),
        join_models(),    idle_models(),         gate_models(),      inbox_models(),
        place_models(),   visit_models(),        select_models(),    slot_models(),
        mutex_models(),   shared_mutex_models(), condition_models(), semaphore_models(),
        channel_models(), arrival_models(),      signal_models(),    future_models()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

weakening parse_weakening(std::string const& text) {
  std::size_t const colon = text.find(':');
  std::string const order = colon == std::string::npos ? "" : text.substr(colon + 1);
  weakening parsed{text.substr(0, colon), std::memory_order_relaxed};
  if (order == "acquire") {
    parsed.order = std::memory_order_acquire;
  } else if (order == "release") {
    parsed.order = std::memory_order_release;
  } else if (order == "acq_rel") {
    parsed.order = std::memory_order_acq_rel;
  } else if (order != "relaxed") {
    throw std::invalid_argument("--weaken wants TAG:ORDER, not " + text);
  }
  return parsed;
}

options parse(std::vector<std::string> const& arguments) {
  options parsed;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string const& name = arguments[i];
    if (name == "--list") {
      parsed.list = true;
      continue;
    }
    if (++i == arguments.size()) throw std::invalid_argument("no value for " + name);
    std::string const& value = arguments[i];
    if (name == "--model") {
      parsed.model = value;
    } else if (name == "--search" && value == "both-ways") {
      parsed.both_ways = true;
    } else if (name == "--search" && (value == "bound" || value == "random")) {
      parsed.search = value == "bound" ? rl::sched_bound : rl::sched_random;
    } else if (name == "--bound") {
      parsed.bound = static_cast<unsigned>(std::stoul(value));
    } else if (name == "--iterations") {
      parsed.iterations = std::stoull(value);
    } else if (name == "--weaken") {
      mutant = parse_weakening(value);
    } else {
      throw std::invalid_argument("unknown option " + name + " " + value);
    }
  }
  return parsed;
}

/// Keeps what Relacy reports, as far as it fits. Relacy writes while its own operator new is in
/// force, so the stream must not allocate.
class report_buffer : public std::streambuf {
 public:
  report_buffer() { setp(text_.data(), text_.data() + text_.size()); }
  std::string_view text() const { return {pbase(), static_cast<std::size_t>(pptr() - pbase())}; }

 private:
  int_type overflow(int_type c) override { return traits_type::not_eof(c); }

  std::array<char, 1 << 16> text_;
};

/// One line if the model passes; the failing execution, step by step, if it does not.
bool run(model const& checked, options const& wanted) {
  report_buffer buffer;
  std::ostream report(&buffer);
  std::ostream progress(nullptr);
  rl::test_params params;
  params.search_type = wanted.search;
  params.context_bound = wanted.bound;
  params.iteration_count = wanted.iterations;
  params.output_stream = &report;
  params.progress_stream = &progress;
  bool const passed = checked.run(params);
  std::cout << checked.name << ": " << (passed ? "passed, " : "FAILED, ") << params.stop_iteration
            << " executions" << std::endl;
  if (!passed) std::cout << buffer.text() << std::endl;
  return passed;
}

/// Merging states must not change which are found.
bool run_both_ways(model const& checked, options const& wanted) {
  merge = false;
  bool passed = run(checked, wanted);
  found_states const one_by_one = found;
  merge = true;
  passed = run(checked, wanted) && passed;
  std::cout << checked.name << ": " << one_by_one.states << " states one by one, " << found.states
            << " by merging, " << one_by_one.contradictions << " contradictions" << std::endl;
  return passed && found == one_by_one;
}

int run_all(options const& wanted) {
  std::size_t ran = 0;
  bool passed = true;
  for (model const& each : all_models()) {
    if (wanted.list) std::cout << each.name << ' ' << each.protocols << '\n';
    if (wanted.list || (wanted.model != "all" && wanted.model != each.name)) continue;
    if (wanted.both_ways && !each.merging) continue;
    ++ran;
    passed = (wanted.both_ways ? run_both_ways : run)(each, wanted) && passed;
  }
  if (!wanted.list && ran == 0) throw std::invalid_argument("no model " + wanted.model);
  return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace ramie::models

int main(int argc, char** argv) {
  try {
    return ramie::models::run_all(
        ramie::models::parse(std::vector<std::string>(argv + 1, argv + argc)));
  } catch (std::exception const& error) {
    std::cerr << "ramie_models: " << error.what() << '\n';
    return 2;
  }
}
