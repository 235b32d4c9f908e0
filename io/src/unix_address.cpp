#include <ramie/io/unix_address.hpp>

#include <algorithm>
#include <cstring>

namespace ramie::io {

namespace {

constexpr std::size_t name_offset = offsetof(sockaddr_un, sun_path);
// The kernel takes a path without a terminator too; whoever prints one may not.
constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace

unix_address unix_address::parse(std::string_view name, std::error_code& error) {
  error.clear();
  bool const abstract = name.starts_with('\0');
  if (name.size() > longest) {
    error = std::make_error_code(std::errc::filename_too_long);
  } else if (name.empty() || (!abstract && name.find('\0') != name.npos)) {
    error = std::make_error_code(std::errc::invalid_argument);
  }
  unix_address result;
  if (error) return result;
  result.native_.sun_family = AF_UNIX;
  name.copy(result.native_.sun_path, longest);
  result.size_ = static_cast<socklen_t>(name_offset + name.size() + (abstract ? 0 : 1));
  return result;
}

unix_address unix_address::of_any_name() noexcept {
  unix_address result;
  result.native_.sun_family = AF_UNIX;
  result.size_ = sizeof(sa_family_t);
  return result;
}

unix_address unix_address::from(sockaddr const* native, socklen_t size) noexcept {
  unix_address result;
  if (size < sizeof(sa_family_t) || native->sa_family != AF_UNIX) return result;
  result.size_ = std::min<socklen_t>(size, sizeof result.native_);
  std::memcpy(&result.native_, native, result.size_);
  return result;
}

std::string_view unix_address::name() const noexcept {
  if (!*this) return {};
  std::string_view const all(native_.sun_path, size_ - name_offset);
  return all.starts_with('\0') ? all : all.substr(0, all.find('\0'));
}

std::string unix_address::to_string() const {
  if (!*this) return "?";
  std::string result(name());
  std::replace(result.begin(), result.end(), '\0', '@');
  return result;
}

}  // namespace ramie::io
