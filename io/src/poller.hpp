// The one module that knows libev: where an idle worker waits for descriptors.
//
// One loop per runtime, which all its workers share (io/DESIGN.md#decisions, D-01). The loop and
// its watchers are touched under `lock_` only; libev lets go of the lock while it is inside
// epoll_wait. A watcher is started at the first wait for its descriptor and left alone after that,
// so that a wait in the steady state costs no system call but its share of epoll_wait.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>

#include <ramie/io/detail/descriptor.hpp>
#include <ramie/io/detail/descriptor_sleeper.hpp>
#include <ramie/sched/driver.hpp>
#include <ramie/sched/park.hpp>

#include "bell.hpp"
#include "descriptor_table.hpp"
#include "libev.hpp"
#include "read_ring.hpp"
#include "spin_history.hpp"
#include "wait_trial.hpp"

namespace ramie::detail {

/// What is waited for.
struct wait_target {
  int number;
  std::uint64_t identity;   // record::stranger if ramie does not own it
  descriptor const* owner;  // null then

  bool closed() const noexcept { return owner != nullptr && !owner->is_open(); }
};

/// What whoever waited is told; no error if it is ready.
std::error_code error_of(wait_end end) noexcept;

class poller final : public driver {
 public:
  /// Throws std::system_error if the kernel gives no descriptor.
  poller();
  poller(poller const&) = delete;
  poller& operator=(poller const&) = delete;
  ~poller() override;

  /// That of the calling fiber's runtime, made if need be; null on a plain thread, and with an
  /// error if the kernel gives no descriptor for it.
  static poller* of_this_fiber(std::error_code& error);

  void wait_until(std::chrono::steady_clock::time_point deadline) override;
  bool look_before_sleep() override;
  void interrupt() noexcept override;
  void resume_ready() noexcept override;
  bool has_sources() const noexcept override {
    // Hints.
    return sources_.load(std::memory_order_relaxed) > 0 ||
           some_wait_.load(std::memory_order_relaxed);
  }

  /// Parks the calling fiber until the descriptor is ready. Errors as descriptor::wait.
  std::error_code wait(wait_target target, direction side);

  /// That of the calling fiber's runtime, or of the default one: for waits that are not this
  /// poller's alone, which a plain thread makes as a fiber does. Null with an error as above.
  static poller* nearest(std::error_code& error);

  /// The first half of `wait`: the sleeper, whose waiter is published by that. An end of the wait
  /// if it was not.
  std::optional<std::error_code> begin(wait_target target, direction side,
                                       descriptor_sleeper& self);

  /// The other half for a waiter that waits for several things: after its park, whatever ended it.
  /// A readiness that came is left to the next who asks for it.
  void leave(descriptor_sleeper& self) noexcept;

  /// Reads a file as preadv2 does while the calling fiber, one of this poller's runtime, is parked;
  /// -1: there is an error, that of the interruption too. Nothing: the kernel does not do it, now
  /// or ever. Throws `cancelled`; what can still be ended has been then.
  std::optional<ssize_t> read_file(int number, std::span<iovec const> into, off_t offset,
                                   std::error_code& error);

  /// Wakes those who wait for an owned descriptor, in every poller of the process, and stops
  /// watching it. The number is still in use.
  static void forget_everywhere(int number, std::uint64_t identity) noexcept;

  /// Stops watching an owned descriptor and closes its number, in one step for all pollers. Waits
  /// for a worker that may have an event of the number in hand which makes libev use the number.
  /// While a child_start lives, a number that a loop knows is closed by the end of that only.
  static void give_back(int number, std::uint64_t identity) noexcept;

  /// Around the start of a process: until it runs its program it has all descriptors of its parent,
  /// so a file that is closed lives on, and a loop would get events of a number that is in use for
  /// something else by then. Any thread.
  class child_start {
   public:
    child_start() noexcept;
    child_start(child_start const&) = delete;
    child_start& operator=(child_start const&) = delete;
    ~child_start();

   private:
    friend poller;
    struct owned {
      int number;
      std::uint64_t identity;
    };
    static bool keep(owned which) noexcept;

    // Guarded by all_lock: the starts under way, and what was closed while this one was the
    // youngest. All older ones have that too: the next of them goes on keeping it. So may a younger
    // one, which is not waited for: see io/DESIGN.md.
    static child_start* youngest;
    child_start* younger_ = nullptr;
    child_start* older_ = nullptr;
    std::list<owned> kept_;
  };

 private:
  using sleeper = descriptor_sleeper;
  struct loop_deleter {
    void operator()(struct ev_loop* loop) const noexcept { ev_loop_destroy(loop); }
  };
  /// Sleepers that were claimed and are to be resumed, in order. Guarded by lock_ until taken.
  struct sleeper_list {
    sleeper* first = nullptr;
    /// Takes the first `count`, or all if there are no more; the last of them ends that part.
    sleeper_list take(int count, std::uint64_t part) noexcept;
    void resume_all() noexcept;
  };

  void watch_bell();
  std::optional<std::error_code> enlist(wait_target target, direction side, sleeper& self);
  std::error_code finish(sleeper& self, wake how);
  bool withdraw(sleeper& self) noexcept;
  void runs(sleeper const& self) noexcept;
  bool begin_read(read_ring::request& request, int number, std::span<iovec const> into,
                  off_t offset) noexcept;
  void await_end(read_ring::request& request) noexcept;

  // Under lock_:
  record* adopt(wait_target target);
  void start(watch& side, int number, int events) noexcept;
  void stop(watch& side) noexcept;
  void on_event(watch& side, int events) noexcept;
  void count_source(int change) noexcept;
  void collect_reads() noexcept;
  void forget(int number, std::uint64_t identity, sleeper_list& list) noexcept;
  bool is_known(int number, std::uint64_t identity) noexcept;
  void release(int number, std::uint64_t identity) noexcept;
  void finish_turn() noexcept;
  void enter_kernel() noexcept;
  void leave_kernel() noexcept;
  void turn(int how) noexcept;
  static void on_system_error(char const* what) noexcept;
  void run_loop(std::chrono::steady_clock::time_point deadline) noexcept;
  bool leaves_part_alone(bool busy) noexcept;
  bool look() noexcept;
  bool look_on() noexcept;
  void block(std::chrono::steady_clock::time_point deadline) noexcept;
  sleeper_list next_part() noexcept;

  static void close_number(int number, std::uint64_t identity) noexcept;
  static void deliver(void* taken, wait_end end, sleeper*& before) noexcept;

  bool begin_wait(std::uint32_t how) noexcept;
  void end_wait() noexcept;

  enum : std::uint32_t { idle, notified, in_futex, in_loop };

  std::mutex lock_;
  std::unique_ptr<struct ev_loop, loop_deleter> loop_;
  bell bell_;  // rung for the worker in epoll_wait
  ev_io bell_event_{};
  ev_timer timer_{};
  read_ring reads_;  // guarded by lock_: rings the bell when reads have ended
  descriptor_table table_;
  sleeper_list ready_;  // guarded by lock_: found, and not handed over yet
  // Guarded by lock_: the end of what ready_ held when the turn began. libev serves the events of a
  // turn from the last to the first: each goes before the others of its turn, so that they come out
  // in the kernel's order, that of becoming ready.
  sleeper** turn_begin_ = &ready_.first;
  std::uint64_t part_ = 0;      // guarded by lock_: the last that was handed over
  bool passed_over_ = false;    // guarded by lock_: the last look found that part still queued
  bool blocking_turn_ = false;  // guarded by lock_: whether ev_run may block
  bool has_looked_ = false;     // guarded by lock_: before the wait to come, in vain
  spin_history spins_;          // guarded by lock_
  wait_trial trial_;            // guarded by lock_
  bool timer_fired_ = false;    // guarded by lock_
  double blocked_since_ = 0;    // guarded by lock_: as ev_now; 0 until block() is in epoll_wait
  bool stranger_left_ = false;  // guarded by lock_: see turn()
  bool in_kernel_ = false;      // guarded by lock_: a worker is in epoll_wait, without the lock
  bool closer_waits_ = false;   // guarded by lock_: no turn may begin
  std::condition_variable turn_change_;  // in_kernel_ or closer_waits_ has become false

  // How many watchers are started and reads under way. Written under lock_.
  std::atomic<int> sources_{0};
  // idle: nobody waits | notified: an interrupt that nobody has seen | in_futex: somebody waits on
  // this word, because nothing is watched | in_loop: somebody is in epoll_wait, or about to be.
  // [I1] acq_rel in interrupt and in begin_wait and end_wait: the waiting worker sees what the
  // interrupting one did before.
  std::atomic<std::uint32_t> state_{idle};

  // The part whose last sleeper was the last to run of all such. A hint, relaxed: compared with
  // part_ to tell whether that is still queued.
  std::atomic<std::uint64_t> part_that_ran_{0};

  // Whether ready_ is not empty. A hint, relaxed: written under lock_, read without.
  std::atomic<bool> some_wait_{false};

  // All pollers of the process, and the next one of them. The lock is taken before a poller's.
  static std::mutex all_lock;
  static poller* all_pollers;  // guarded by all_lock
  poller* next_ = nullptr;
};

}  // namespace ramie::detail
