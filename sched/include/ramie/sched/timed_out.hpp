// The exception that delivers the deadline of a scope.
#pragma once

#include <string>
#include <system_error>

namespace ramie {

/// Thrown by a wait when the deadline of a scope around it has come; code() is errc::timed_out.
class timed_out : public std::system_error {
 public:
  explicit timed_out(std::string const& what = "ramie: the deadline of a scope has come");
};

}  // namespace ramie
