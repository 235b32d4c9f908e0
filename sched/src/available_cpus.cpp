#include "available_cpus.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace ramie::detail {

namespace {

// cgroup v2: "QUOTA PERIOD" in the group's cpu.max, "max" for no quota.
unsigned quota_cpus() {
  unsigned const none = std::numeric_limits<unsigned>::max();
  std::ifstream self("/proc/self/cgroup");
  std::string group;
  for (std::string line; std::getline(self, line);) {
    if (line.rfind("0::", 0) == 0) group = line.substr(3);
  }
  std::ifstream file("/sys/fs/cgroup" + group + "/cpu.max");
  double quota = 0;
  double period = 0;
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) return none;
  return static_cast<unsigned>(std::max(1.0, quota / period + 0.5));
}

}  // namespace

cpu_set_t process_cpus() noexcept {
  cpu_set_t allowed;
  if (::sched_getaffinity(::getpid(), sizeof(allowed), &allowed) != 0) CPU_ZERO(&allowed);
  return allowed;
}

unsigned available_cpus() noexcept {
  constexpr unsigned max_workers = 1024;
  cpu_set_t const allowed = process_cpus();
  auto cpus = static_cast<unsigned>(CPU_COUNT(&allowed));
  try {
    cpus = std::min(cpus, quota_cpus());
  } catch (std::exception const&) {
    // Without memory for a file name the affinity mask has to do.
  }
  return std::clamp(cpus, 1U, max_workers);
}

}  // namespace ramie::detail
