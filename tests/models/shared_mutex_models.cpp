// Models of the shared mutex: a writer alone, or readers; who enters sees what those before wrote;
// nobody sleeps beside a lock that it could have; a wait that ends lets those behind it go on; and
// the lock may go as soon as nobody holds it or waits for it.
#include <array>
#include <memory>
#include <span>

#include <ramie/sync/detail/shared_mutex_core.hpp>

#include "model.hpp"
#include "relacy_waiting.hpp"

namespace ramie::models {
namespace {

using shared_mutex = detail::basic_shared_mutex_core<relacy_waiting>;

constexpr detail::steady_time never = detail::steady_time::max();

template <std::size_t Threads>
struct reading_and_writing : waiting_threads<Threads> {
  std::unique_ptr<shared_mutex> shared = std::make_unique<shared_mutex>("shared_mutex");
  plain<int> written;

  /// False: the time ran out.
  bool write(detail::steady_time deadline = never) {
    if (shared->lock(deadline, interruptible::yes) != wake::unparked) return false;
    written.set(written.get() + 1);
    here();
    shared->unlock();
    here();
    return true;
  }
  bool read(detail::steady_time deadline = never, unsigned round = 0) {
    if (shared->lock_shared(deadline, interruptible::yes) != wake::unparked) return false;
    written.get();
    here(round);
    shared->unlock_shared();
    here(round);
    return true;
  }
  void expect_written(int expected) {
    RL_ASSERT(written.get() == expected);
    RL_ASSERT(shared->try_lock());
    shared->unlock();
  }
};

/// As many writers, and readers; what they do once.
template <unsigned Writers, unsigned Readers>
struct all_once : rl::test_suite<all_once<Writers, Readers>, Writers + Readers>,
                  reading_and_writing<Writers + Readers> {
  void thread(unsigned index) { RL_ASSERT(index < Writers ? this->write() : this->read()); }
  void after() { this->expect_written(Writers); }
};

/// A reader that comes again finds a writer queued before it.
struct read_again : rl::test_suite<read_again, 2>, reading_and_writing<2> {
  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(write());
    } else {
      for (unsigned i = 0; i < 2; ++i) RL_ASSERT(read(never, i));
    }
  }
  void after() { expect_written(1); }
};

/// A writer's time runs out between two readers: the second goes on though the first still reads.
struct writer_leaves : rl::test_suite<writer_leaves, 3>, reading_and_writing<3> {
  token second_reads;
  plain<int> timed_out;

  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(shared->lock_shared(never, interruptible::yes) == wake::unparked);
      written.get();
      second_reads.wait();
      shared->unlock_shared();
    } else if (index == 1) {
      if (!write(soon)) timed_out.set(1);
    } else {
      RL_ASSERT(shared->lock_shared(never, interruptible::yes) == wake::unparked);
      written.get();
      second_reads.post();
      shared->unlock_shared();
    }
  }
  void after() { expect_written(1 - timed_out.get()); }
};

/// The same with a reader's time beside two writers.
struct reader_leaves : rl::test_suite<reader_leaves, 3>, reading_and_writing<3> {
  void thread(unsigned index) {
    if (index == 0) {
      read(soon);
    } else {
      RL_ASSERT(write());
    }
  }
  void after() { expect_written(2); }
};

/// One who has timed out destroys the lock when it has had it after the first.
template <bool FirstWrites, bool SecondWrites>
struct destroy : rl::test_suite<destroy<FirstWrites, SecondWrites>, 2>, reading_and_writing<2> {
  token first_holds_it;

  wake enter(bool as_writer, detail::steady_time deadline = never) {
    return as_writer ? shared->lock(deadline, interruptible::yes)
                     : shared->lock_shared(deadline, interruptible::yes);
  }
  void leave(bool as_writer) { as_writer ? shared->unlock() : shared->unlock_shared(); }

  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(enter(FirstWrites) == wake::unparked);
      first_holds_it.post();
      leave(FirstWrites);
      return;
    }
    first_holds_it.wait();
    if (enter(SecondWrites, soon) != wake::unparked) {
      RL_ASSERT(enter(SecondWrites) == wake::unparked);
    }
    here();
    leave(SecondWrites);
    shared.reset();
  }
};

constexpr std::array models_of_shared_mutex{
    make_merging_model<all_once<1, 2>>("shared_mutex_two_readers", "R"),
    make_merging_model<all_once<2, 1>>("shared_mutex_two_writers", "R"),
    make_merging_model<read_again>("shared_mutex_read_again", "R"),
    make_merging_model<writer_leaves>("shared_mutex_writer_leaves", "R"),
    make_merging_model<reader_leaves>("shared_mutex_reader_leaves", "R"),
    make_merging_model<destroy<true, true>>("shared_mutex_destroy", "R"),
    make_merging_model<destroy<true, false>>("shared_mutex_destroy_by_reader", "R"),
    make_merging_model<destroy<false, true>>("shared_mutex_destroy_by_writer", "R"),
};

}  // namespace

std::span<model const> shared_mutex_models() {
  return models_of_shared_mutex;
}

}  // namespace ramie::models
