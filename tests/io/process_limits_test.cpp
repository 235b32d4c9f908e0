// A process without descriptors to spare.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <ramie/io/process.hpp>
#include <ramie/sched/runtime.hpp>

namespace {

using ramie::io::process;

/// In a process of its own: a child, and no descriptor to wait for it by.
[[noreturn]] void spawn_without_descriptors() {
  bool const good = ramie::run({.workers = 1}, [] {
    int const next = ::dup(STDERR_FILENO);
    ::close(next);
    rlimit const limit = {static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    std::error_code error;
    process::spawn({"sleep", "1000"}, {}, error);
    // No child is left, not even a dead one.
    return error == std::errc::too_many_files_open && ::waitpid(-1, nullptr, 0) < 0 &&
           errno == ECHILD;
  });
  std::_Exit(good ? 0 : 1);
}

/// In a process of its own: a child that there is no descriptor any more to wait for.
[[noreturn]] void destroy_without_descriptors(bool on_fiber) {
  auto const destroy = [] {
    {
      process const child = process::spawn({"sleep", "1000"});
      int const next = ::dup(STDERR_FILENO);
      ::close(next);
      rlimit const limit = {static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    }
    return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
  };
  std::_Exit((on_fiber ? ramie::run({.workers = 1}, destroy) : destroy()) ? 0 : 1);
}

TEST(ProcessLimitsDeathTest, WithoutADescriptorAChildIsReapedAllTheSame) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(destroy_without_descriptors(true), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(destroy_without_descriptors(false), testing::ExitedWithCode(0), "");
}

TEST(ProcessLimitsDeathTest, WithoutADescriptorThereIsNoChild) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(spawn_without_descriptors(), testing::ExitedWithCode(0), "");
}

}  // namespace
