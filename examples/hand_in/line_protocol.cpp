#include "line_protocol.hpp"

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <charconv>
#include <cstdio>
#include <system_error>

namespace line_protocol {

std::span<char> splitter::room() {
  std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(taken_),
            bytes_.begin() + static_cast<std::ptrdiff_t>(filled_), bytes_.begin());
  filled_ -= taken_;
  taken_ = 0;
  if (filled_ == bytes_.size()) throw violation("a line is too long");
  return std::span(bytes_).subspan(filled_);
}

std::optional<std::string_view> splitter::next() noexcept {
  std::string_view const rest(bytes_.data() + taken_, filled_ - taken_);
  std::size_t const end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  taken_ += end + 1;
  return rest.substr(0, end);
}

std::uint64_t number(std::string_view line) {
  std::uint64_t value = 0;
  auto const [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end == line.data() + line.size() || *end != ' ') {
    throw violation("a line without a number: " + std::string(line.substr(0, 40)));
  }
  return value;
}

std::string acknowledgement(std::string_view line) {
  unsigned long long const which = number(line);
  std::string_view const text = line.substr(line.find(' ') + 1);
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  std::array<char, 40> buffer;
  int const size =
      std::snprintf(buffer.data(), buffer.size(), "%llu %08x\n", which, crc.checksum());
  return std::string(buffer.data(), static_cast<std::size_t>(size));
}

}  // namespace line_protocol
