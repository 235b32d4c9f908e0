#include <ramie/io/signal_set.hpp>

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <vector>

#include <ramie/io/select.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/select.hpp>
#include <ramie/sched/timed_out.hpp>

#include "../support/eventfds.hpp"
#include "../support/fibers.hpp"
#include "signals.hpp"

namespace {

using ramie::spawn;
using ramie::io::signal_set;
using ramie::test::code_of;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::raise_here;
using ramie::test::settle;

RAMIE_TEST_WITH_WORKERS(SignalSetStress);

// TSan holds a signal back until its thread calls a function that TSan knows, and one that waits in
// a futex never does.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RAMIE_SIGNALS_ARE_HELD_BACK
#endif
#endif

/// As kill(1) sends it: any thread may be interrupted, perhaps later.
void send_to_process(int number) {
#ifdef RAMIE_SIGNALS_ARE_HELD_BACK
  raise_here(number);
#else
  ASSERT_EQ(::kill(::getpid(), number), 0);
#endif
}

TEST(SignalSet, ReturnsEachSignalThatHasComeOnce) {
  on_fiber_and_thread([] {
    signal_set set{SIGUSR1, SIGUSR2, SIGUSR1};
    EXPECT_EQ(set.try_wait(), std::nullopt);
    raise_here(SIGUSR2);
    raise_here(SIGUSR1);
    raise_here(SIGUSR1);
    EXPECT_EQ(set.wait(), SIGUSR1);
    EXPECT_EQ(set.wait(), SIGUSR2);
    EXPECT_EQ(set.try_wait(), std::nullopt);
    raise_here(SIGUSR1);
    EXPECT_EQ(set.try_wait(), SIGUSR1);
  });
}

TEST(SignalSet, WaitsForASignalToTheProcess) {
  on_fiber_and_thread([] {
    signal_set set{SIGUSR1};
    for (int i = 0; i < 10; ++i) {
      auto sender = spawn([] { send_to_process(SIGUSR1); });
      EXPECT_EQ(set.wait(), SIGUSR1);
      sender.join();
    }
  });
}

TEST(SignalSet, SeveralSetsGetTheSameSignal) {
  on_fiber_and_thread([] {
    signal_set one{SIGUSR1};
    {
      signal_set other{SIGUSR1, SIGUSR2};
      raise_here(SIGUSR1);
      EXPECT_EQ(one.wait(), SIGUSR1);
      EXPECT_EQ(other.wait(), SIGUSR1);
    }
    raise_here(SIGUSR1);
    EXPECT_EQ(one.wait(), SIGUSR1);
  });
}

volatile sig_atomic_t handled = 0;

TEST(SignalSet, WhatTheSignalDidBeforeIsRestored) {
  auto const before = ::signal(SIGUSR1, [](int) { handled = handled + 1; });
  handled = 0;
  {
    signal_set set{SIGUSR1};
    raise_here(SIGUSR1);
    EXPECT_EQ(handled, 0);
    set.close();
    raise_here(SIGUSR1);
    EXPECT_EQ(handled, 1);
  }
  {
    signal_set moved_from{SIGUSR1};
    signal_set set = std::move(moved_from);
    raise_here(SIGUSR1);
    EXPECT_EQ(set.wait(), SIGUSR1);
    set = signal_set();
    raise_here(SIGUSR1);
  }
  EXPECT_EQ(handled, 2);
  ::signal(SIGUSR1, before);
}

TEST(SignalSet, WhatCannotBeCaughtIsATypedError) {
  on_fiber_and_thread([] {
    for (int const number : {0, -1, 65, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
      EXPECT_EQ(code_of([&] {
                  signal_set({SIGUSR1, number});
                }),
                std::errc::invalid_argument)
          << number;
    }
    std::vector<signal_set> many;
    std::error_code const error = code_of([&] {
      for (;;) many.push_back(signal_set{SIGUSR1});
    });
    EXPECT_EQ(error, std::errc::too_many_files_open);
    EXPECT_EQ(many.size(), 32U);
    raise_here(SIGUSR1);
    for (signal_set& each : many) EXPECT_EQ(each.wait(), SIGUSR1);
    signal_set closed;
    EXPECT_EQ(code_of([&] { closed.wait(); }), std::errc::bad_file_descriptor);
    EXPECT_EQ(closed.try_wait(), std::nullopt);
  });
}

TEST(SignalSet, AWaitCanBeEnded) {
  on_one_worker([] {
    signal_set set{SIGUSR1};
    auto cancelled = spawn([&] { set.wait(); });
    settle();
    std::error_code error;
    set.wait(error);
    EXPECT_EQ(error, std::errc::device_or_resource_busy);
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    {
      ramie::deadline_scope const limit(ramie::test::soon);
      EXPECT_THROW(set.wait(), ramie::timed_out);
    }
    auto closed = spawn([&] { set.wait(); });
    settle();
    set.close();
    EXPECT_EQ(code_of([&] { closed.join(); }), std::errc::operation_canceled);
  });
}

TEST(SignalSet, CanBeSelected) {
  on_one_worker([] {
    signal_set set{SIGUSR1, SIGUSR2};
    int got = 0;
    auto const select = [&] {
      return ramie::select(ramie::on_readable(set, [&] { got = set.wait(); }),
                           ramie::otherwise(ramie::test::nothing));
    };
    EXPECT_EQ(select(), 1U);
    raise_here(SIGUSR1);
    raise_here(SIGUSR2);
    EXPECT_EQ(select(), 0U);
    EXPECT_EQ(got, SIGUSR1);
    EXPECT_EQ(select(), 0U);
    EXPECT_EQ(got, SIGUSR2);
    EXPECT_EQ(select(), 1U);
    raise_here(SIGUSR1);
    EXPECT_EQ(set.wait(), SIGUSR1);
    EXPECT_EQ(select(), 1U);
  });
}

// Or it would silence what is rung for its parent.
TEST(SignalSet, AForkedChildHasABellOfItsOwn) {
  std::optional<signal_set> set;
  auto const bells = ramie::test::eventfds_opened_by([&] { set.emplace({SIGUSR1}); });
  ASSERT_EQ(bells.size(), 1U);
  pid_t const child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool const shares = ramie::test::open_eventfds().count(*bells.begin()) != 0;
    raise_here(SIGUSR1);
    ::_exit(!shares && set->wait() == SIGUSR1 ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(set->try_wait(), std::nullopt);
}

// A child for which nobody makes another bell rings its parent's.
TEST(SignalSet, ARingForNothingIsHeardOnce) {
  signal_set set{SIGUSR1};
  auto const child = static_cast<pid_t>(::syscall(SYS_fork));
  ASSERT_GE(child, 0);
  if (child == 0) {
    raise_here(SIGUSR1);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(set.try_wait(), std::nullopt);
  EXPECT_EQ(ramie::select(ramie::on_readable(set, ramie::test::nothing),
                          ramie::otherwise(ramie::test::nothing)),
            1U);
  raise_here(SIGUSR1);
  EXPECT_EQ(set.wait(), SIGUSR1);
}

// Each signal is answered before the next one is sent: one that got lost would hang.
TEST_P(SignalSetStress, NoSignalGetsLostWhileSetsComeAndGo) {
  run_it([] {
    signal_set set{SIGUSR1};
    std::atomic<bool> done = false;
    auto others = spawn([&] {
      while (!done) {
        signal_set const other{SIGUSR1, SIGUSR2};
        ramie::this_fiber::yield();
      }
    });
    for (int i = 0; i < 2000; ++i) {
      send_to_process(SIGUSR1);
      set.wait();
    }
    done = true;
    others.join();
  });
}

}  // namespace
