#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
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

}  // namespace ramie::test
