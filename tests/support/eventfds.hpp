#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace ramie::test {

/// Which eventfds the process has open: numbers of the kernel's, the same in a forked child for
/// what that shares.
inline std::set<std::string> open_eventfds() {
  std::set<std::string> found;
  for (auto const& each : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream info(each.path());
    for (std::string line; std::getline(info, line);) {
      if (line.rfind("eventfd-id:", 0) == 0) found.insert(line);
    }
  }
  return found;
}

/// What make() opens.
template <class F>
std::set<std::string> eventfds_opened_by(F make) {
  std::set<std::string> const before = open_eventfds();
  make();
  std::set<std::string> after = open_eventfds();
  for (auto const& each : before) after.erase(each);
  return after;
}

}  // namespace ramie::test
