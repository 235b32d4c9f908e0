// Whatever the pieces, a buffered_reader finds what a whole string has.
#include <ramie/io/buffered_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <ramie/io/error.hpp>

#include "fed_stream.hpp"

namespace {

/// What is left of the bytes, and how a part is taken from it.
class model {
 public:
  model(std::string_view bytes, std::size_t limit) : left_(bytes), limit_(limit) {}

  std::optional<std::string_view> until(std::string_view delimiter, std::error_code& error) {
    error.clear();
    std::size_t const at = left_.find(delimiter);
    if (at == left_.npos || at + delimiter.size() > limit_) {
      if (left_.size() >= limit_) {
        error = ramie::io::errc::limit_exceeded;
      } else if (!left_.empty()) {
        error = ramie::io::errc::end_of_stream;
      }
      return std::nullopt;
    }
    return take(at, at + delimiter.size());
  }

  std::string_view count(std::size_t wanted, std::error_code& error) {
    error.clear();
    if (wanted > limit_) error = ramie::io::errc::limit_exceeded;
    if (!error && wanted > left_.size()) error = ramie::io::errc::end_of_stream;
    return error ? std::string_view() : take(wanted, wanted);
  }

  /// True: `got` is what comes next.
  bool some(std::string_view got) {
    if (!left_.starts_with(got) || (got.empty() && !left_.empty())) return false;
    take(got.size(), got.size());
    return true;
  }

 private:
  std::string_view take(std::size_t size, std::size_t consumed) {
    std::string_view const part = left_.substr(0, size);
    left_.remove_prefix(consumed);
    return part;
  }

  std::string_view left_;
  std::size_t limit_;
};

void check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  ramie::test::fed_input const input({reinterpret_cast<char const*>(data), size});
  if (input.bytes.size() < 2) return 0;
  auto const limit = static_cast<unsigned char>(input.bytes[0]) + std::size_t{1};
  std::size_t const steps = std::min<std::size_t>(static_cast<unsigned char>(input.bytes[1]) % 32,
                                                  input.bytes.size() - 2);
  std::string_view const program = input.bytes.substr(2, steps);
  std::string_view const bytes = input.bytes.substr(2 + steps);
  ramie::test::fed_stream stream(bytes, input.pieces);
  ramie::io::buffered_reader reader(stream, limit);
  model expected(bytes, limit);
  for (char const step : program) {
    std::error_code error;
    std::error_code expected_error;
    std::size_t const number = static_cast<unsigned char>(step) / 4;
    switch (static_cast<unsigned char>(step) % 4) {
      case 0: {
        auto line = expected.until("\n", expected_error);
        if (line && line->ends_with('\r')) line->remove_suffix(1);
        check(reader.read_line(error) == line);
        break;
      }
      case 1:
        check(reader.read_until("ab", error) == expected.until("ab", expected_error));
        break;
      case 2:
        check(reader.read_count(4 * number, error) == expected.count(4 * number, expected_error));
        break;
      default: {
        std::string room(number + 1, '?');
        room.resize(reader.read_some(room, error));
        check(expected.some(room));
      }
    }
    check(error == expected_error);
  }
  return 0;
}
