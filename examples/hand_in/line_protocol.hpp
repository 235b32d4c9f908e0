// The line server's protocol: "NUMBER TEXT\n" is acknowledged by "NUMBER CRC\n", the CRC-32 of the
// text in hexadecimal digits, when it has been processed; in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace line_protocol {

/// The peer does not keep to it.
class violation : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A stream's bytes, taken apart into lines: read into room(), tell received() how many, take
/// next() until it has no more.
class splitter {
 public:
  /// Not empty. Throws violation if a line is too long.
  std::span<char> room();
  void received(std::size_t count) noexcept { filled_ += count; }

  /// A line without its end, valid until room() is called again.
  std::optional<std::string_view> next() noexcept;

 private:
  std::vector<char> bytes_ = std::vector<char>(8192);
  std::size_t taken_ = 0;
  std::size_t filled_ = 0;
};

/// What acknowledges the line. Throws violation if it is none.
std::string acknowledgement(std::string_view line);

/// The number that a line or an acknowledgement begins with. Throws violation if there is none.
std::uint64_t number(std::string_view line);

}  // namespace line_protocol
