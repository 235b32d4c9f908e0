// Reads of files that the page cache does not have: the first attempt of each is refused.
#include <liburing.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <ramie/io/file.hpp>
#include <ramie/sched/blocking.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/task_group.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "../support/threads.hpp"
#include "../support/workers.hpp"
#include "kernel.hpp"
#include "sockets.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::io::file;
using ramie::test::code_of;
using ramie::test::kernel;
using ramie::test::on_one_worker;

constexpr ramie::io::open_options anew{.read = true, .write = true, .create = true};

/// The kernel may have no io_uring, or none for this process: then reads block, which is expected
/// instead; many at once, and those that end by cancellation only, are left out.
class ReadRing : public testing::Test {
 protected:
  void SetUp() override {
    io_uring ring;
    int const error = ::io_uring_queue_init(1, &ring, 0);
    has_ring = error >= 0;
    if (has_ring) return ::io_uring_queue_exit(&ring);
    std::printf("no io_uring here: %s\n", std::generic_category().message(-error).c_str());
  }

  /// Attempts of preadv2 that a read takes which finds nothing cached.
  int parked() const { return has_ring ? 1 : blocked; }
  static constexpr int blocked = 2;

  bool has_ring = false;

  /// A file of `size` bytes, each of which tells where it is.
  static file make(ramie::test::temporary_folder const& folder, std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = byte_at(i);
    file one = file::open(folder.file("one"), anew);
    one.write_all(text);
    one.seek(0);
    return one;
  }
  static char byte_at(std::size_t offset) { return static_cast<char>(offset % 251); }

  /// What is read at an offset, by attempts of preadv2 of which the first finds nothing cached.
  static std::string read_uncached(file& from, std::size_t offset, int attempts) {
    std::string text(8, '?');
    int const before = kernel.preadv2.calls();
    kernel.preadv2.fail(EAGAIN);
    text.resize(from.read_some_at(offset, text));
    EXPECT_EQ(kernel.preadv2.calls() - before, attempts);
    return text;
  }
};

TEST_F(ReadRing, ReadsWhatIsNotCached) {
  on_one_worker([&] {
    ramie::test::temporary_folder folder;
    file one = make(folder, 20);
    EXPECT_EQ(read_uncached(one, 3, parked()), std::string("\3\4\5\6\7\10\11\12"));
    EXPECT_EQ(read_uncached(one, 18, parked()), std::string("\22\23"));
    EXPECT_EQ(read_uncached(one, 20, parked()), "");
  });
}

TEST_F(ReadRing, GoesOnFromTheFilesOwnPosition) {
  on_one_worker([&] {
    ramie::test::temporary_folder folder;
    file one = make(folder, 10);
    std::array<std::array<char, 3>, 2> rooms;
    std::array<ramie::io::mutable_buffer, 2> const parts{rooms[0], rooms[1]};
    int const before = kernel.preadv2.calls();
    kernel.preadv2.fail(EAGAIN);
    EXPECT_EQ(one.read_some(parts), 6U);
    EXPECT_EQ(rooms[1], (std::array<char, 3>{3, 4, 5}));
    kernel.preadv2.fail(EAGAIN);
    EXPECT_EQ(one.read_some(parts), 4U);
    EXPECT_EQ(rooms[1][0], 9);
    EXPECT_EQ(kernel.preadv2.calls() - before, 2 * parked());
  });
}

TEST_F(ReadRing, AnErrorOfTheReadIsTheCallersOwn) {
  on_one_worker([] {
    ramie::test::temporary_folder folder;
    file one = file::open(folder.file("one"), {.read = false, .write = true, .create = true});
    std::array<char, 4> room;
    kernel.preadv2.fail(EAGAIN);
    EXPECT_EQ(code_of([&] { one.read_some_at(0, room); }), std::errc::bad_file_descriptor);
  });
}

TEST_F(ReadRing, ManyReadAtOnce) {
  if (!has_ring) return;
  ramie::run({.workers = 4}, [] {
    constexpr std::size_t size = 100'000;
    constexpr int readers = 200;
    constexpr int reads = 20;
    ramie::test::temporary_folder folder;
    file one = make(folder, size);
    unsigned const seed = ramie::test::test_seed();
    int const before = kernel.preadv2.calls();
    kernel.preadv2.fail(EAGAIN, readers * reads);
    ramie::task_group group;
    for (unsigned i = 0; i < readers; ++i) {
      group.spawn([&, i] {
        std::mt19937 random(seed + i);
        std::array<char, 100> room;
        for (int k = 0; k < reads; ++k) {
          std::size_t const offset = random() % (size - room.size());
          ASSERT_EQ(one.read_some_at(offset, room), room.size());
          for (std::size_t at = 0; at < room.size(); ++at) {
            ASSERT_EQ(room[at], byte_at(offset + at)) << "seed " << seed;
          }
        }
      });
    }
    group.wait();
    EXPECT_EQ(kernel.preadv2.calls() - before, readers * reads);
  });
}

/// A queue with a name, which is empty as long as nobody writes.
file make_queue(ramie::test::temporary_folder const& folder) {
  std::string const path = folder.file("queue");
  EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
  return file::open(path, {.read = true, .write = true});
}

TEST_F(ReadRing, AReadThatHasToWaitIsBoundedAndLosesNothing) {
  if (!has_ring) return;
  on_one_worker([] {
    ramie::test::temporary_folder folder;
    file queue = make_queue(folder);
    std::array<char, 4> room;
    {
      ramie::deadline_scope const limit(1ms);
      kernel.preadv2.fail(EAGAIN);
      EXPECT_EQ(code_of([&] { queue.read_some(room); }), std::errc::timed_out);
    }
    kernel.preadv2.fail(EAGAIN);
    auto reader = ramie::spawn([&] { queue.read_some(room); });
    ramie::test::settle();
    reader.cancel();
    EXPECT_THROW(reader.join(), ramie::cancelled);
    queue.write_all("xyz");
    EXPECT_EQ(queue.read_some(room), 3U);
  });
}

// The kernel would have finished the read in that thread.
TEST_F(ReadRing, TheThreadThatSubmittedItMayEndBefore) {
  if (!has_ring) return;
  ramie::run({.workers = 1, .blocking_keep_alive = 0ms}, [] {
    ramie::test::temporary_folder folder;
    file queue = make_queue(folder);
    std::array<char, 4> room;
    kernel.preadv2.fail(EAGAIN);
    auto reader = ramie::spawn([&] { return queue.read_some(room); });
    ramie::test::settle();
    for (pid_t const submitter = ::gettid(); ::gettid() == submitter;) {
      // Another thread takes the worker over, and mostly keeps it: then this one is not needed.
      std::atomic<bool> is_taken{false};
      auto other = ramie::spawn([&] { is_taken = true; });
      ramie::blocking([&] {
        while (!is_taken) std::this_thread::yield();
      });
      other.join();
    }
    ramie::test::await_runtime_threads(1);
    queue.write_all("x");
    EXPECT_EQ(reader.join(), 1U);
  });
}

TEST_F(ReadRing, CancellationAndDataNeverLoseAByte) {
  if (!has_ring) return;
  ramie::run({.workers = 3}, [] {
    unsigned const seed = ramie::test::test_seed();
    std::mt19937 random(seed);
    ramie::test::temporary_folder folder;
    file queue = make_queue(folder);
    std::array<char, 4> room;
    for (int i = 0; i < 500; ++i) {
      kernel.preadv2.fail(EAGAIN);
      auto reader = ramie::spawn([&] { return queue.read_some(room); });
      auto writer = ramie::spawn([&] { queue.write_all("x"); });
      for (auto turns = random() % 4; turns > 0; --turns) ramie::this_fiber::yield();
      reader.cancel();
      std::size_t count = 0;
      try {
        count = reader.join();
      } catch (ramie::cancelled const&) {
        // It was cancelled first.
      }
      writer.join();
      kernel.preadv2.fail(EAGAIN, 0);
      if (count == 0) count = queue.read_some(room);
      ASSERT_EQ(count, 1U) << "seed " << seed;
    }
  });
}

TEST_F(ReadRing, WithoutOneReadsBlock) {
  for (int const error : {EPERM, ENOSYS}) {
    on_one_worker([error] {
      ramie::test::temporary_folder folder;
      file one = make(folder, 10);
      int const before = kernel.io_uring_queue_init_params.calls();
      kernel.io_uring_queue_init_params.fail(error);
      for (int i = 0; i < 2; ++i) EXPECT_EQ(read_uncached(one, 8, blocked), std::string("\10\11"));
      EXPECT_EQ(kernel.io_uring_queue_init_params.calls() - before, 1);  // That will not change.
    });
  }
  on_one_worker([] {
    ramie::test::temporary_folder folder;
    file one = make(folder, 10);
    kernel.io_uring_register_eventfd.fail(EINVAL);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(read_uncached(one, 8, blocked), std::string("\10\11"));
  });
}

TEST_F(ReadRing, WhatIsShortForNowIsTriedAgain) {
  on_one_worker([&] {
    ramie::test::temporary_folder folder;
    file one = make(folder, 10);
    for (int const error : {EMFILE, ENFILE, ENOMEM}) {
      kernel.io_uring_queue_init_params.fail(error);
      EXPECT_EQ(read_uncached(one, 8, blocked), std::string("\10\11"));
    }
    EXPECT_EQ(read_uncached(one, 8, parked()), std::string("\10\11"));
  });
}

TEST_F(ReadRing, WhatTheKernelDoesNotTakeBlocks) {
  on_one_worker([&] {
    ramie::test::temporary_folder folder;
    file one = make(folder, 10);
    EXPECT_EQ(read_uncached(one, 8, parked()), std::string("\10\11"));
    // More than the ring has room for.
    for (int i = 0; i < 100; ++i) {
      kernel.io_uring_submit.fail(EAGAIN);
      EXPECT_EQ(read_uncached(one, 8, blocked), std::string("\10\11"));
    }
    kernel.io_uring_submit.fail(EAGAIN, 0);
    EXPECT_EQ(read_uncached(one, 8, parked()), std::string("\10\11"));
  });
}

}  // namespace
