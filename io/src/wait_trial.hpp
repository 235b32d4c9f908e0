#pragma once

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace ramie::detail {

/// Whether waits are to look for a moment before they block, by trial: now and then some waits in a
/// row go one way and some the other, and the way that took less of the thread's CPU time per event
/// is kept. That counts all the thread did meanwhile, so also what it costs to work on after a
/// sleep. The less the answer changes, the rarer the trials. Not thread-safe.
class wait_trial {
 public:
  /// For the wait that begins.
  bool looks_first() const noexcept {
    return phase_ == phase::settled ? prefers_looks_ : phase_ == phase::looking;
  }

  /// Something has come that was waited for.
  void came() noexcept { ++events_; }

  /// After each wait, by the thread that waited. `cpu_time`: tells the time that this thread has
  /// used, in nanoseconds; called in trials only.
  template <class Clock>
  void waited(pthread_t thread, Clock cpu_time) noexcept {
    if (phase_ != phase::settled) measure(thread, cpu_time());
    if (--waits_left_ > 0) return;
    if (phase_ == phase::settled) {
      costs_ = {};
      begin(phase::looking);
    } else if (phase_ == phase::looking) {
      begin(phase::blocking);
    } else {
      conclude();
    }
  }

  static constexpr int before_first = 64;  // waits
  static constexpr int least_settled = 1024;
  static constexpr int most_settled = 32 * 1024;
  static constexpr int warm_up = 8;  // waits that are still what the other way made them
  static constexpr int measured = 128;

 private:
  enum class phase : std::uint8_t { looking, blocking, settled };
  struct cost {
    std::int64_t time = 0;
    std::int64_t events = 0;
    double per_event() const noexcept {
      return static_cast<double>(time) / static_cast<double>(events);
    }
  };

  void begin(phase which) noexcept {
    phase_ = which;
    waits_left_ = warm_up + measured;
  }

  void measure(pthread_t thread, std::int64_t now) noexcept {
    bool const is_warm = waits_left_ <= measured;
    if (is_warm && pthread_equal(thread, thread_) != 0) {
      cost& of = costs_[static_cast<std::size_t>(phase_)];
      of.time += now - since_;
      of.events += events_;
    }
    thread_ = thread;
    since_ = now;
    events_ = 0;
  }

  // What looks may cost more: what comes is served sooner. Less than that is no reason to change.
  void conclude() noexcept {
    constexpr double tolerance = 1.15;
    auto const& [looking, blocking] = costs_;
    bool prefers = prefers_looks_;
    if (looking.events > 0 && blocking.events > 0) {
      double const bound = prefers_looks_ ? tolerance : 1;
      prefers = looking.per_event() <= bound * blocking.per_event();
    }
    settled_for_ =
        prefers == prefers_looks_ ? std::min(2 * settled_for_, most_settled) : least_settled;
    prefers_looks_ = prefers;
    phase_ = phase::settled;
    waits_left_ = settled_for_;
  }

  phase phase_ = phase::settled;
  bool prefers_looks_ = true;
  int settled_for_ = least_settled;
  int waits_left_ = before_first;
  std::array<cost, 2> costs_{};  // of looking and of blocking
  // Since the last measurement, and whose time it was.
  std::int64_t events_ = 0;
  std::int64_t since_ = 0;
  pthread_t thread_{};
};

}  // namespace ramie::detail
