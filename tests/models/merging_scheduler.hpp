// The exhaustive search of the models that have too many executions to run them one by one: a state
// to which several executions lead is searched once.
//
// Like Relacy's search with a bound on preemptions it is depth first: it runs the model from its
// beginning again and again, each time with another choice at the last place that has one left. But
// where it could switch threads it looks up the state (memory_state.hpp), who runs and who is
// blocked: if all that has been met before, with no fewer preemptions left, then nothing new can
// follow, and the execution runs to its end without any choice.
//
// Unlike Relacy's, it takes waiting for no reason to let all other threads go first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iostream>

#include "memory_state.hpp"
#include "met_states.hpp"
#include "relacy_include.hpp"

namespace ramie::models {

/// What the last search found: how many states, and of those that end an execution, and a sum that
/// tells two sets of them apart; and how many steps have led from one state to two.
struct found_states {
  std::size_t states = 0;
  std::size_t outcomes = 0;
  std::uint64_t sum = 0;
  std::size_t contradictions = 0;
  bool operator==(found_states const&) const = default;
};
inline found_states found;

/// Whether states are merged. Without that the search finds the same states, and takes longer; and
/// it checks that what is one state by its hash goes on as one.
inline bool merge = true;

template <rl::thread_id_t Threads>
class merging_scheduler
    : public rl::scheduler<merging_scheduler<Threads>, rl::scheduler_thread_info, Threads> {
  using base = rl::scheduler<merging_scheduler<Threads>, rl::scheduler_thread_info, Threads>;

 public:
  using typename base::shared_context_t;
  struct task_t {};

  merging_scheduler(rl::test_params& params, shared_context_t& context, rl::thread_id_t dynamic)
      : base(params, context, dynamic) {}

  rl::thread_id_t iteration_begin_impl() {
    memory.begin(Threads);
    at_ = 0;
    met_before_ = false;
    left_ = this->params_.context_bound;
    started_ = 0;
    step_ = 0;
    return static_cast<rl::thread_id_t>(choose(Threads, rl::sched_type_sched));
  }

  bool iteration_end_impl() {
    while (!path_.empty() && path_.back().taken + 1 == path_.back().ways) path_.pop_back();
    if (!path_.empty()) {
      ++path_.back().taken;
      return false;
    }
    found = {met_.size(), outcomes_.size(), mixed(met_.sum(), outcomes_.sum()), contradictions_};
    return true;
  }

  rl::thread_id_t schedule_impl(rl::unpark_reason& reason, unsigned yield) {
    reason = rl::unpark_reason_normal;
    RL_VERIFY(this->timed_thread_count_ == 0 && this->spurious_thread_count_ == 0);
    rl::thread_id_t const current = this->thread_->index_;
    started_ |= 1U << current;
    end_step();
    rl::thread_id_t const next = pick_next(current, runs(current) && yield == 0);
    if (!merge) step_ = state(next);
    return next;
  }

  /// What follows the last thread's end is no part of the search.
  void thread_finished_impl() {
    memory.finish(static_cast<std::size_t>(this->thread_->index_));
    if (this->finished_thread_count_ < Threads) return;
    end_step();
    outcomes_.meet(state(Threads), 0);
    memory.begin(0);
  }

  unsigned rand_impl(unsigned limit, rl::sched_type type) {
    // A weak compare-and-swap never fails for nothing: its loop in the idle set would go round with
    // the same value, and what can happen meanwhile can happen before it too.
    if (type == rl::sched_type_cas_fail) return 1;
    unsigned const drawn = choose(limit, type);
    step_ = mixed(step_, drawn);
    if (type == rl::sched_type_atomic_load) memory.draw(drawn);
    return drawn;
  }

  void on_thread_block(rl::thread_id_t thread, bool parked) {
    if (parked) memory.block(static_cast<std::size_t>(thread));
  }

  rl::iteration_t iteration_count_impl() { return this->iter_ + 1; }

  /// For Relacy to run a failed execution again: the choices that led to it.
  void get_state_impl(std::ostream& out) {
    out << path_.size() << ' ';
    for (fork const& each : path_) out << each.ways << ' ' << each.taken << ' ' << each.type << ' ';
  }
  void set_state_impl(std::istream& in) {
    std::size_t size = 0;
    in >> size;
    path_.resize(size);
    for (fork& each : path_) in >> each.ways >> each.taken >> each.type;
  }

 private:
  struct fork {
    unsigned ways;
    unsigned taken;
    unsigned type;
  };

  bool runs(rl::thread_id_t thread) const {
    return this->threads_[thread].state_ == rl::thread_state_running;
  }
  bool ready(rl::thread_id_t thread) const {
    return runs(thread) && !memory.idles(static_cast<std::size_t>(thread));
  }
  unsigned count_ready() const {
    unsigned count = 0;
    for (rl::thread_id_t i = 0; i < Threads; ++i) count += ready(i) ? 1 : 0;
    return count;
  }

  /// Who runs next. `preempts`: `current` could go on.
  rl::thread_id_t pick_next(rl::thread_id_t current, bool preempts) {
    if (count_ready() == 0) memory.end_idling();
    if (!met_before_ && at_ == path_.size()) {
      met_before_ = !met_.meet(state(preempts ? current : Threads), left_) && merge;
    }
    if (preempts && left_ == 0) return current;
    unsigned const ways = count_ready();
    // To go on comes first: so states are met first with the most left.
    unsigned skip = ways > 1 ? choose(ways, rl::sched_type_sched) : 0;
    if (preempts) {
      if (skip == 0) return current;
      --left_;
      --skip;
    }
    rl::thread_id_t next = 0;
    while (!ready(next) || (preempts && next == current) || skip-- > 0) ++next;
    return next;
  }

  /// A step has ended; step_ is where it began, whose it was, and what was drawn.
  void end_step() {
    if (merge || step_ == 0 || at_ < path_.size()) return;
    if (!step_results_.note(step_, state(Threads))) ++contradictions_;
  }

  unsigned choose(unsigned ways, rl::sched_type type) {
    if (at_ == path_.size()) {
      if (met_before_) return 0;
      path_.push_back({ways, 0, static_cast<unsigned>(type)});
    }
    fork const& here = path_[at_++];
    RL_VERIFY(here.ways == ways && here.type == static_cast<unsigned>(type));
    return here.taken;
  }

  /// `current`: who runs, and may go on without a preemption; Threads if nobody.
  std::uint64_t state(rl::thread_id_t current) const {
    std::uint64_t hash = mixed(mixed(memory.hash(), started_), static_cast<std::uint64_t>(current));
    for (rl::thread_id_t i = 0; i < Threads; ++i) hash = mixed(hash, this->threads_[i].state_);
    return hash;
  }

  typename rl::vector<fork>::type path_;
  std::size_t at_ = 0;
  unsigned left_ = 0;
  bool met_before_ = false;
  met_states met_;
  met_states outcomes_;
  unsigned started_ = 0;
  std::uint64_t step_ = 0;
  step_results step_results_;
  std::size_t contradictions_ = 0;
};

}  // namespace ramie::models
