#include <ramie/io/process.hpp>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include <ramie/io/buffered_reader.hpp>
#include <ramie/io/copy.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "../support/fibers.hpp"
#include "streams.hpp"
#include "temporary_folder.hpp"

namespace {

using ramie::spawn;
using ramie::io::exit_status;
using ramie::io::process;
using ramie::io::standard_stream;
using ramie::test::code_of;
using ramie::test::collecting_stream;
using ramie::test::on_fiber_and_thread;
using ramie::test::on_one_worker;
using ramie::test::settle;

std::vector<std::string> shell(std::string const& script) {
  return {"/bin/sh", "-c", script};
}

std::string all_of(ramie::io::input_stream& stream) {
  collecting_stream text;
  copy(stream, text);
  return text.text;
}

/// Whether there is such a process, a zombie included.
bool exists(pid_t id) {
  return ::kill(id, 0) == 0;
}

TEST(Process, TellsHowItsProgramHasEnded) {
  on_fiber_and_thread([] {
    process good = process::spawn({"true"});
    EXPECT_NE(good.id(), 0);
    EXPECT_TRUE(good.wait());
    EXPECT_TRUE(good.wait());  // Again.
    EXPECT_FALSE(good.is_running());
    EXPECT_FALSE(exists(good.id()));
    exit_status const bad = process::spawn(shell("exit 3")).wait();
    EXPECT_FALSE(bad);
    EXPECT_EQ(bad.code, 3);
    EXPECT_EQ(bad.signal, 0);
    exit_status const killed = process::spawn(shell("kill -TERM $$")).wait();
    EXPECT_FALSE(killed);
    EXPECT_EQ(killed.signal, SIGTERM);
  });
}

TEST(Process, ItsStandardStreamsCanBePiped) {
  on_fiber_and_thread([] {
    process child =
        process::spawn(shell("while read -r line; do echo \"<$line>\"; done; echo end >&2"),
                       {.input = standard_stream::piped,
                        .output = standard_stream::piped,
                        .error = standard_stream::piped});
    ramie::io::buffered_reader output(child.output());
    child.input().write_all("one\n");
    EXPECT_EQ(output.read_line(), "<one>");
    child.input().write_all("two\n");
    EXPECT_EQ(output.read_line(), "<two>");
    child.input().close();
    EXPECT_EQ(output.read_line(), std::nullopt);
    EXPECT_EQ(all_of(child.error()), "end\n");
    EXPECT_TRUE(child.wait());
  });
}

TEST(Process, ManyBytesGoThroughIt) {
  on_one_worker([] {
    process child = process::spawn(
        {"cat"}, {.input = standard_stream::piped, .output = standard_stream::piped});
    std::string const text(3 << 20, 'x');
    auto writer = spawn([&] {
      child.input().write_all(text);
      child.input().close();
    });
    EXPECT_EQ(all_of(child.output()), text);
    writer.join();
    EXPECT_TRUE(child.wait());
    EXPECT_EQ(code_of([&] { child.input().write_all("x"); }), std::errc::bad_file_descriptor);
  });
}

TEST(Process, RunsWhereAndWithWhatItIsTold) {
  on_fiber_and_thread([] {
    ramie::test::temporary_folder folder;
    process child = process::spawn(shell("pwd; echo \"$NAME\"; read -r x || echo nothing"),
                                   {.input = standard_stream::null,
                                    .output = standard_stream::piped,
                                    .environment = std::vector<std::string>{"NAME=a value"},
                                    .directory = folder.file("")});
    ramie::io::buffered_reader output(child.output());
    std::filesystem::path const folder_path(folder.file(""));
    EXPECT_TRUE(std::filesystem::equivalent(std::string(*output.read_line()), folder_path));
    EXPECT_EQ(output.read_line(), "a value");
    EXPECT_EQ(output.read_line(), "nothing");
  });
}

TEST(Process, InheritsNeitherDescriptorsNorBlockedSignals) {
  on_fiber_and_thread([] {
    ramie::io::pipe const open = ramie::io::pipe::open();
    std::string const number = std::to_string(open.reader.native_handle());
    sigset_t all;
    ::sigfillset(&all);
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    process child = process::spawn(
        shell("test -e /proc/self/fd/" + number + " || echo closed; grep SigBlk /proc/self/status"),
        {.output = standard_stream::piped});
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ramie::io::buffered_reader output(child.output());
    EXPECT_EQ(output.read_line(), "closed");
    EXPECT_EQ(output.read_line(), "SigBlk:\t0000000000000000");
  });
}

TEST(Process, WhatCannotBeStartedIsATypedError) {
  on_fiber_and_thread([] {
    std::error_code error;
    auto const spawn_one = [&](std::vector<std::string> const& command) {
      EXPECT_FALSE(process::spawn(command, {}, error).is_running());
      return error;
    };
    EXPECT_EQ(spawn_one({"/nowhere/at/all"}), std::errc::no_such_file_or_directory);
    EXPECT_EQ(spawn_one({"no-such-program-anywhere"}), std::errc::no_such_file_or_directory);
    EXPECT_EQ(spawn_one({"/"}), std::errc::permission_denied);
    EXPECT_EQ(spawn_one({}), std::errc::invalid_argument);
    EXPECT_EQ(spawn_one({""}), std::errc::invalid_argument);
    EXPECT_EQ(spawn_one({"true", std::string("\0", 1)}), std::errc::invalid_argument);
    EXPECT_EQ(code_of([] { process::spawn({"true"}, {.directory = "/nowhere/at/all"}); }),
              std::errc::no_such_file_or_directory);
    process none;
    EXPECT_EQ(code_of([&] { none.wait(); }), std::errc::no_child_process);
    EXPECT_EQ(code_of([&] { none.kill(SIGTERM); }), std::errc::no_such_process);
    process ended = process::spawn({"true"});
    ended.wait();
    EXPECT_EQ(code_of([&] { ended.kill(SIGTERM); }), std::errc::no_such_process);
    process running = process::spawn({"sleep", "1000"});
    EXPECT_EQ(code_of([&] { running.kill(12345); }), std::errc::invalid_argument);
  });
}

TEST(Process, IsKilledAndReapedWithItsObject) {
  on_fiber_and_thread([] {
    pid_t id = 0;
    {
      process child = process::spawn({"sleep", "1000"});
      id = child.id();
      EXPECT_TRUE(exists(id));
    }
    EXPECT_FALSE(exists(id));
    process first = process::spawn({"sleep", "1000"});
    process moved = std::move(first);
    EXPECT_EQ(first.id(), 0);
    id = moved.id();
    moved = process::spawn({"true"});
    EXPECT_FALSE(exists(id));
    EXPECT_TRUE(moved.wait());
  });
}

TEST(Process, AWaitCanBeEnded) {
  on_one_worker([] {
    process child = process::spawn({"sleep", "1000"});
    {
      ramie::deadline_scope const limit(ramie::test::soon);
      EXPECT_THROW(child.wait(), ramie::timed_out);
    }
    EXPECT_TRUE(child.is_running());
    auto waiting = spawn([&] { return child.wait(); });
    settle();
    EXPECT_FALSE(waiting.done());
    child.kill(SIGTERM);
    EXPECT_EQ(waiting.join().signal, SIGTERM);
    pid_t id = 0;
    auto cancelled = spawn([&] {
      process mine = process::spawn({"sleep", "1000"});
      id = mine.id();
      mine.wait();
    });
    while (id == 0) ramie::this_fiber::yield();
    settle();
    cancelled.cancel();
    EXPECT_THROW(cancelled.join(), ramie::cancelled);
    EXPECT_FALSE(exists(id));
  });
}

TEST(Process, ManyAtOnceAreWaitedForByFibers) {
  on_one_worker([] {
    std::vector<ramie::join_handle<int>> waiting;
    for (int i = 0; i < 20; ++i) {
      waiting.push_back(
          spawn([i] { return process::spawn(shell("exit " + std::to_string(i))).wait().code; }));
    }
    for (int i = 0; i < 20; ++i) EXPECT_EQ(waiting[static_cast<std::size_t>(i)].join(), i);
  });
}

}  // namespace
