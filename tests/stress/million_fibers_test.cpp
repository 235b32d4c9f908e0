// A million parked, guarded fibers under the default limit on mappings.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include <ramie/fiber/stack_pool.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/wait_group.hpp>

namespace ramie {
namespace {

// A line of a file in /proc, in bytes.
double bytes_in(char const* name, std::string const& key) {
  std::ifstream file(name);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key + ":", 0) == 0) return 1024.0 * std::stod(line.substr(key.size() + 1));
  }
  return 0;
}

double status_bytes(std::string const& key) {
  return bytes_in("/proc/self/status", key);
}
double available_bytes() {
  return bytes_in("/proc/meminfo", "MemAvailable");
}

std::ptrdiff_t mappings() {
  std::ifstream file("/proc/self/maps");
  return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
}

double megabytes(double bytes) {
  return bytes / (1024 * 1024);
}

TEST(MillionFibers, TakeOnePageEachAndNoMapping) {
  bool const guards_take_mappings =
      detail::stack_pool(detail::round_stack_size(256 * 1024)).guard() ==
      detail::guard_kind::mprotect;
  // A kernel before Linux 6.13 guards at most about 32,000 stacks; a million take 5 GB.
  int const count = guards_take_mappings || available_bytes() < 8e9 ? 20'000 : 1'000'000;
  double const resident_before = status_bytes("VmRSS");
  double const tables_before = status_bytes("VmPTE");
  {
    event over;
    wait_group parked;
    parked.add(count);
    runtime here({.workers = 1});
    for (int i = 0; i < count; ++i) {
      here.post([&] {
        parked.done();
        over.wait();
      });
      if (i % (count / 10) == 0) std::printf("%d of %d\n", i, count);
    }
    parked.wait();
    double const resident = (status_bytes("VmRSS") - resident_before) / count;
    double const tables = (status_bytes("VmPTE") - tables_before) / count;
    std::printf("per fiber: %.0f bytes resident, %.0f of page tables; %td mappings in all\n",
                resident, tables, mappings());
    EXPECT_LE(resident, 4600);
    EXPECT_LE(resident + tables, 5200);
    if (!guards_take_mappings) {
      EXPECT_LT(mappings(), 1000);
    }
    over.set();  // To cancel them would throw a million exceptions.
  }
  EXPECT_LT(megabytes(status_bytes("VmRSS") - resident_before), 100);
}

}  // namespace
}  // namespace ramie
