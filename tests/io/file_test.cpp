#include <ramie/io/file.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <ramie/io/copy.hpp>
#include <ramie/io/error.hpp>
#include <ramie/io/owned_descriptor.hpp>
#include <ramie/sched/this_fiber.hpp>

#include "../support/fibers.hpp"
#include "temporary_folder.hpp"

namespace {

using ramie::spawn;
using ramie::io::const_buffer;
using ramie::io::file;
using ramie::io::list_directory;
using ramie::io::owned_descriptor;
using ramie::io::read_file;
using ramie::test::code_of;
using ramie::test::on_fiber_and_thread;
using ramie::test::temporary_folder;

constexpr ramie::io::open_options anew{.read = true, .write = true, .create = true};

TEST(File, ReadsAndWritesAsAStream) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    file one = file::open(folder.file("one"), anew);
    EXPECT_EQ(one.write_all(std::array<const_buffer, 2>{"hello ", "world"}), 11U);
    one.seek(6);
    std::string text(5, '?');
    EXPECT_EQ(one.read_exact(text), 5U);
    EXPECT_EQ(text, "world");
    EXPECT_EQ(one.read_some(text), 0U);
    one.seek(0);
    file other = file::open(folder.file("other"), {.write = true, .create = true});
    EXPECT_EQ(ramie::io::copy(one, other), 11U);
    EXPECT_EQ(read_file(folder.file("other")), "hello world");
    EXPECT_NE(::fcntl(one.native_handle(), F_GETFD) & FD_CLOEXEC, 0);
  });
}

TEST(File, ReadsAndWritesAtOffsets) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    file one = file::open(folder.file("one"), anew);
    EXPECT_EQ(one.write_all_at(3, "defg"), 4U);
    EXPECT_EQ(one.write_all_at(0, "abc"), 3U);
    std::string text(4, '?');
    EXPECT_EQ(one.read_exact_at(2, text), 4U);
    EXPECT_EQ(text, "cdef");
    EXPECT_EQ(one.read_some_at(5, text), 2U);
    EXPECT_EQ(one.read_some_at(100, text), 0U);
    std::error_code error;
    EXPECT_EQ(one.read_exact_at(5, text, error), 2U);
    EXPECT_EQ(error, ramie::io::errc::end_of_stream);
    EXPECT_EQ(one.read_some(text), 4U);  // The position has not moved.
    EXPECT_EQ(text, "abcd");
    constexpr auto beyond = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(code_of([&] { one.read_some_at(beyond, text); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { one.write_all_at(beyond, text); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { one.resize(beyond); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { one.seek(beyond); }), std::errc::invalid_argument);
  });
}

TEST(File, HasASizeAndATimeAndCanBeCut) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    auto const before = std::chrono::system_clock::now() - std::chrono::seconds(1);
    file one = file::open(folder.file("one"), {.write = true, .create = true, .permissions = 0600});
    one.write_all("12345");
    one.sync_data();
    one.sync();
    auto const status = one.status();
    EXPECT_EQ(status.type, std::filesystem::file_type::regular);
    EXPECT_EQ(status.size, 5U);
    EXPECT_EQ(status.permissions, std::filesystem::perms(0600));
    EXPECT_GE(status.modified, before);
    one.resize(2);
    EXPECT_EQ(read_file(folder.file("one")), "12");
    one.resize(4);
    EXPECT_EQ(ramie::io::file_status::of(folder.file("one")).size, 4U);
    EXPECT_EQ(ramie::io::file_status::of(folder.file("")).type,
              std::filesystem::file_type::directory);
  });
}

TEST(File, OpensAsItIsTold) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    std::string const path = folder.file("one");
    EXPECT_EQ(code_of([&] { file::open(path); }), std::errc::no_such_file_or_directory);
    file::open(path, {.write = true, .create = true, .exclusive = true}).write_all("one");
    EXPECT_EQ(
        code_of([&] { file::open(path, {.write = true, .create = true, .exclusive = true}); }),
        std::errc::file_exists);
    file::open(path, {.write = true, .append = true}).write_all(" two");
    EXPECT_EQ(read_file(path), "one two");
    file::open(path, {.write = true, .truncate = true}).write_all("new");
    EXPECT_EQ(read_file(path), "new");
    file read_only = file::open(path);
    EXPECT_EQ(code_of([&] { read_only.write_all("x"); }), std::errc::bad_file_descriptor);
    std::error_code error;
    for (auto const& options :
         {ramie::io::open_options{.read = false}, ramie::io::open_options{.create = true},
          ramie::io::open_options{.truncate = true}, ramie::io::open_options{.append = true},
          ramie::io::open_options{.write = true, .exclusive = true}}) {
      EXPECT_FALSE(file::open(path, options, error).is_open());
      EXPECT_EQ(error, std::errc::invalid_argument);
    }
    EXPECT_FALSE(file::open(std::string("a\0b", 3), error).is_open());
    EXPECT_EQ(error, std::errc::invalid_argument);
    try {
      file::open(folder.file("none"));
      ADD_FAILURE();
    } catch (std::system_error const& failed) {
      EXPECT_NE(std::string(failed.what()).find("open " + folder.file("none")), std::string::npos);
    }
  });
}

TEST(File, AClosedOneIsATypedError) {
  on_fiber_and_thread([] {
    file closed;
    std::string text(1, '?');
    auto const bad = std::errc::bad_file_descriptor;
    EXPECT_EQ(code_of([&] { closed.read_some(text); }), bad);
    EXPECT_EQ(code_of([&] { closed.write_all(text); }), bad);
    EXPECT_EQ(code_of([&] { closed.read_some_at(0, text); }), bad);
    EXPECT_EQ(code_of([&] { closed.write_all_at(0, text); }), bad);
    EXPECT_EQ(code_of([&] { closed.seek(0); }), bad);
    EXPECT_EQ(code_of([&] { closed.resize(0); }), bad);
    EXPECT_EQ(code_of([&] { closed.sync(); }), bad);
    EXPECT_EQ(code_of([&] { closed.sync_data(); }), bad);
    EXPECT_EQ(code_of([&] { closed.status(); }), bad);
  });
}

TEST(File, AFifoThatNobodyReadsAnyMoreIsAnErrorAndNoSignal) {
  std::signal(SIGPIPE, SIG_DFL);
  on_fiber_and_thread([] {
    temporary_folder folder;
    std::string const path = folder.file("fifo");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    auto const open_reader = [&] {
      return ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    };
    owned_descriptor reader(open_reader());
    file writer = file::open(path, {.read = false, .write = true});
    reader.reset();
    EXPECT_EQ(code_of([&] { writer.write_all("x"); }), std::errc::broken_pipe);
    // In the middle of a write: what there was room for is told of, and the signal raised.
    reader.reset(open_reader());
    std::thread leaving([&] {
      std::array<char, 1> first;
      pollfd polled{reader.get(), POLLIN, 0};
      ::poll(&polled, 1, -1);
      EXPECT_EQ(::read(reader.get(), first.data(), first.size()), 1);
      reader.reset();
    });
    EXPECT_EQ(code_of([&] { writer.write_all(std::string(1 << 20, 'x')); }),
              std::errc::broken_pipe);
    leaving.join();
  });
}

TEST(File, WhatBlocksHoldsNoWorker) {
  ramie::test::on_one_worker([] {
    temporary_folder folder;
    std::string const path = folder.file("fifo");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    // Both opens wait for each other, and the read for the write.
    auto reader = spawn([&] {
      file end = file::open(path);
      std::string text(1, '?');
      end.read_exact(text);
      return text;
    });
    file writer = file::open(path, {.read = false, .write = true});
    ramie::test::settle();
    EXPECT_FALSE(reader.done());
    writer.write_all("x");
    EXPECT_EQ(reader.join(), "x");
  });
}

TEST(FileSystem, ListsADirectory) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    EXPECT_TRUE(list_directory(folder.file("")).empty());
    for (char const* const name : {"b", "a", ".hidden"}) file::open(folder.file(name), anew);
    EXPECT_EQ(list_directory(folder.file("")),
              (std::vector<std::filesystem::path>{".hidden", "a", "b"}));
    EXPECT_EQ(code_of([&] { list_directory(folder.file("a")); }), std::errc::not_a_directory);
    EXPECT_EQ(code_of([&] { list_directory(std::string("\0", 1)); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { ramie::io::file_status::of(folder.file("none")); }),
              std::errc::no_such_file_or_directory);
  });
}

TEST(FileSystem, ReadsAWholeFileWithinALimit) {
  on_fiber_and_thread([] {
    temporary_folder folder;
    std::string const path = folder.file("one");
    std::string text;
    for (int i = 0; text.size() < 200'000; ++i) text += std::to_string(i);
    file::open(path, anew).write_all(text);
    EXPECT_EQ(read_file(path), text);
    EXPECT_EQ(read_file(path, text.size()), text);
    EXPECT_EQ(code_of([&] { read_file(path, text.size() - 1); }), ramie::io::errc::limit_exceeded);
    EXPECT_EQ(code_of([&] { read_file(path, 0); }), ramie::io::errc::limit_exceeded);
    EXPECT_NE(read_file("/proc/self/stat"), "");  // Says that it has no bytes.
    EXPECT_EQ(code_of([&] { read_file(folder.file("")); }), std::errc::is_a_directory);
  });
}

}  // namespace
