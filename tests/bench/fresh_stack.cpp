// The limit of any fiber that begins on a stack of its own: the kernel's guard page and first
// touch.
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include "bench.hpp"

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t stack = 256 * 1024;
constexpr int guard_install = 102;  // MADV_GUARD_INSTALL: Linux 6.13

/// Where the kernel has no such guards, without them: they would cost a mapping each.
bench::result timers_cold(bench::options const& chosen) {
  std::size_t const bytes = chosen.n * stack;
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  ::madvise(mapped, bytes, MADV_NOHUGEPAGE);
  auto* const low = static_cast<std::byte*>(mapped);
  double const before = bench::cpu_us();
  for (std::byte* each = low; each != low + bytes; each += stack) {
    ::madvise(each, page, guard_install);
    *static_cast<std::byte volatile*>(each + stack - 1) = std::byte{1};
  }
  double const used = bench::cpu_us() - before;
  ::munmap(mapped, bytes);
  return {used / static_cast<double>(chosen.n), "us"};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::main("fresh_stack", {{"timers_cold", timers_cold}}, argc, argv);
}
