#include <system_error>

#include <ramie/sync/detail/recursive.hpp>

namespace ramie::detail {

void throw_too_deep() {
  throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                          "recursive mutex");
}

}  // namespace ramie::detail
