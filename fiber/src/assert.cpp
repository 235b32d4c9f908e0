#include <ramie/fiber/assert.hpp>

#include <cstdio>
#include <cstdlib>

namespace ramie::detail {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "ramie: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace ramie::detail
