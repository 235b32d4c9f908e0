// All that the future of an execution depends on, as one number: the state of a model's memory and
// of its threads. merging_scheduler.hpp searches each state once.
//
// The memory is Relacy's, as far as its exhaustive search can tell: a load returns the current
// value of its atomic or the one before. Relacy gives each thread a vector of clocks, which an
// acquiring step joins with another's; but all that it asks of such a vector is whether it knows an
// atomic's current value, that is whether it has met the write or somebody's read of it. So a
// vector is a set of atomics here, and a write to an atomic takes that out of all sets. That Relacy
// does the same is checked at each load: it must draw which value to return exactly when that is
// foreseen here.
//
// A thread's own state is its place, and what its steps have returned since then (`reached`).
//
// Plain data is known here by who knows of the last write to it, and of each thread's last read:
// all that decides whether an access is a race. Its value is left out, as is plain data made by
// threads: what a model does must not depend on it, but for what a lock guards, or a claim.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "relacy_include.hpp"

namespace ramie::models {

/// A good hash of the two.
inline std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = (a ^ (b + 0x9e3779b97f4a7c15)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 29)) * 0x94d049bb133111eb;
  return x ^ (x >> 32);
}

/// Each step is told by its thread, after it and before any other thread runs.
class memory_state {
 public:
  /// Of an atomic, or of another object.
  using name = unsigned;
  /// What an operation does, as the sum of these; none if it is relaxed.
  enum order : unsigned { relaxed = 0, acquire = 1, release = 2, sequential = 4 };

  /// Another execution of `threads` begins. They make their objects next, before they start. No
  /// threads: nothing is to be noted.
  void begin(std::size_t threads);

  name make_atomic(std::uint64_t value);
  void load(name of, std::uint64_t result, unsigned how);
  /// `value` is there now. `before`: what was there, which the thread has learnt.
  void store(name of, std::uint64_t value, unsigned how);
  void exchange(name of, std::uint64_t value, std::uint64_t before, unsigned how);
  /// `value` was not what was expected.
  void failed_exchange(name of, std::uint64_t value, unsigned how);
  void fence(unsigned how);

  /// The threads are about to start: all that was done to what they share is known to all.
  void tell_all();
  /// A step that does nothing.
  void pass();

  name make_plain();
  void read_plain(name of);
  void write_plain(name of);

  /// A token, for which one thread at most waits; a lock; or something else that is unknown here.
  name make_object();
  void post(name of);
  void begin_wait(name of);
  void end_wait(name of);
  void locked(name of);
  void unlocked(name of);
  /// What it is after a change depends on what it was, and on the thread that changes it.
  void change(name of);

  /// The thread goes round a loop that does nothing but look until it sees something, and has come
  /// to the end of a round, the first being 0: it knows what it knew then. After a round in which
  /// nobody has written anything it idles until somebody does, or all do: one of them may not have
  /// been shown the last values yet.
  void begin_pause(unsigned round);
  void end_pause();
  void end_idling();
  bool idles(std::size_t index) const { return thread_.at(index).idles; }

  /// The thread is here, and knows nothing but what `place` says.
  void reached(std::uint64_t place) { me().returned = place; }

  /// Relacy has drawn which value the load under way returns.
  void draw(unsigned drawn);
  /// It has parked a thread; a thread has ended.
  void block(std::size_t index);
  void finish(std::size_t index);

  std::uint64_t hash() const;

 private:
  static constexpr std::size_t max_threads = 4;
  static constexpr name max_atomics = 24;
  static constexpr name max_plains = 8;
  static constexpr name max_objects = 16;
  /// A set of threads; or of atomics, and of accesses to plain data.
  using set = std::uint64_t;

  struct thread {
    set knows = 0;
    set acquired = 0;  ///< By its next acquire fence.
    set released = 0;  ///< By its last release fence.
    std::uint64_t returned = 0;
    std::uint64_t looping = 0;  ///< What `returned` is whenever a round of its loop begins.
    bool written = true;        ///< Whether anything was since its last pause.
    bool idles = false;
    name waits_for = 0;
    unsigned arrival = 0;  ///< Of those that are blocked, the earlier the lower.
    bool blocked = false;
    bool woken = false;  ///< It has its token, but has not run since.
    bool finished = false;
  };
  struct record {
    std::uint64_t value = 0;
    set knows = 0;  ///< What an acquiring reader learns.
    std::size_t writer = 0;
    set seen = 0;         ///< By which threads.
    set left_behind = 0;  ///< By which before they last waited or paused: shown to them no more.
    bool sequential = false;
  };
  struct atomic {
    record now;
    record before;
  };
  struct object {
    set knows = 0;
    unsigned count = 0;
    std::uint64_t contents = 0;
  };

  static set one(std::size_t index) { return set{1} << index; }
  static set write_to(name of) { return one(max_atomics + of * (1 + max_threads)); }
  static set read_of(name of, std::size_t thread) { return write_to(of) << (1 + thread); }
  static std::size_t self() { return static_cast<std::size_t>(rl::ctx().threadx_->index_); }
  thread& me() { return thread_.at(on_ ? self() : 0); }
  void step(std::uint64_t result) { me().returned = mixed(me().returned, result); }
  void leave_behind(std::size_t index);
  void see(name of, record& seen, unsigned how);
  void write(name of, std::uint64_t value, unsigned how, bool exchange);
  void forget(set gone);
  set live() const;
  set may_read_before(name of) const;
  unsigned place_in_line(thread const& blocked) const;
  static std::uint64_t hash_of(record const& of, set readers);
  static void wake(thread& woken, object& by);

  bool on_ = false;
  bool drawn_ = false;
  unsigned draw_ = 0;
  unsigned arrivals_ = 0;
  set fences_ = 0;  ///< What the last sequentially consistent fence knew.
  name atomics_ = 0;
  name plains_ = 0;
  name objects_ = 0;
  std::array<thread, max_threads> thread_{};
  std::array<atomic, max_atomics> atomic_{};
  std::array<object, max_objects> object_{};
};

/// Of the execution under way.
inline memory_state memory;

}  // namespace ramie::models
