#pragma once

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ramie::test {

/// The folders in /proc of the threads that runtimes have made. The test's own and a sanitizer's
/// are not among them.
inline std::vector<std::filesystem::path> runtime_threads() {
  std::vector<std::filesystem::path> found;
  for (auto const& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream name(task.path() / "comm");
    std::string text;
    if (std::getline(name, text) && text.rfind("ramie-", 0) == 0) found.push_back(task.path());
  }
  return found;
}

/// Waits until no more than `count` threads of runtimes are left; one that is never gone makes the
/// test run into its time limit. The kernel lists a thread for a moment after it was joined.
inline void await_runtime_threads(std::size_t count) {
  while (runtime_threads().size() > count) std::this_thread::yield();
}

/// How often each other thread of the process has gone to sleep, by its number; nothing if one of
/// them isn't asleep.
inline std::optional<std::map<std::string, std::string>> sleeps_of_others() {
  std::map<std::string, std::string> sleeps;
  for (auto const& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string const number = task.path().filename();
    if (number == std::to_string(::gettid())) continue;
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("State:", 0) == 0 && line.find('S', 6) == std::string::npos) return {};
      if (line.rfind("voluntary_ctxt_switches:", 0) == 0) sleeps[number] = line;
    }
  }
  return sleeps;
}

/// Waits until every other thread of the process has slept for that long; at the least, all the
/// while between two looks. None of them holds a lock then, so a child that is forked now may take
/// any. (A sanitizer's allocator is not made ready for a fork, as glibc's is.)
inline void await_rest_of_others(std::chrono::milliseconds lasting = {}) {
  auto since = std::chrono::steady_clock::now();
  for (auto before = sleeps_of_others();;) {
    std::this_thread::yield();
    auto const at = std::chrono::steady_clock::now();
    auto now = sleeps_of_others();
    if (!now || now != before) {
      since = at;
    } else if (at - since >= lasting) {
      return;
    }
    before = std::move(now);
  }
}

}  // namespace ramie::test
