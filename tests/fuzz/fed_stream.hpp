// A stream of the fuzzer's bytes, in pieces of the fuzzer's choice.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <ramie/io/input_stream.hpp>

namespace ramie::test {

class fed_stream final : public io::input_stream {
 public:
  /// `pieces`: how long each read is, over and over; an empty one: as long as it asks for.
  fed_stream(std::string_view bytes, std::string_view pieces) : left_(bytes), pieces_(pieces) {}

  std::string describe() const override { return "the fuzzer"; }

 private:
  std::size_t do_read_some(std::span<io::mutable_buffer const> into,
                           std::error_code& error) override {
    error.clear();
    std::size_t most = into.front().size();
    if (!pieces_.empty()) {
      auto const piece = static_cast<unsigned char>(pieces_[reads_++ % pieces_.size()]);
      most = std::min<std::size_t>(most, piece + std::size_t{1});
    }
    std::size_t const count = std::min(most, left_.size());
    if (count != 0) std::memcpy(into.front().data(), left_.data(), count);
    left_.remove_prefix(count);
    return count;
  }

  std::string_view left_;
  std::string_view pieces_;
  std::size_t reads_ = 0;
};

/// The fuzzer's input, taken apart: the first byte says how many of the following ones are the
/// lengths of the pieces; the rest is what is read.
struct fed_input {
  explicit fed_input(std::string_view all) {
    if (all.empty()) return;
    std::size_t const count =
        std::min<std::size_t>(static_cast<unsigned char>(all.front()) % 16, all.size() - 1);
    pieces = all.substr(1, count);
    bytes = all.substr(1 + count);
  }

  std::string_view pieces{};
  std::string_view bytes{};
};

}  // namespace ramie::test
