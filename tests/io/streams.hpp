// Streams whose behaviour a test writes down.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <ramie/io/input_stream.hpp>
#include <ramie/io/output_stream.hpp>

namespace ramie::test {

/// Hands out what it was given, a piece per read; then its error, or the end.
class scripted_stream final : public io::input_stream {
 public:
  scripted_stream() = default;
  explicit scripted_stream(std::deque<std::string> given, std::error_code end = {})
      : pieces(std::move(given)), last(end) {}

  std::string describe() const override { return "a script"; }

  std::deque<std::string> pieces;
  std::error_code last;
  std::size_t most_asked_for = 0;

 private:
  std::size_t do_read_some(std::span<io::mutable_buffer const> into,
                           std::error_code& error) override {
    io::mutable_buffer const room = into.front();
    most_asked_for = std::max(most_asked_for, room.size());
    error.clear();
    if (pieces.empty()) {
      error = last;
      return 0;
    }
    std::string& piece = pieces.front();
    std::size_t const count = std::min(piece.size(), room.size());
    std::memcpy(room.data(), piece.data(), count);
    piece.erase(0, count);
    if (piece.empty()) pieces.pop_front();
    return count;
  }
};

/// Takes up to `at_once` bytes per write, and `room` in all; then it fails.
class collecting_stream final : public io::output_stream {
 public:
  explicit collecting_stream(std::size_t most = 1 << 30) : at_once(most) {}

  std::string describe() const override { return "a collection"; }

  std::string text{};
  std::size_t at_once;
  std::size_t room = 1 << 30;
  std::error_code full = std::make_error_code(std::errc::no_space_on_device);
  int writes = 0;

 private:
  std::size_t do_write_some(std::span<io::const_buffer const> from, std::size_t skip,
                            std::error_code& error) override {
    io::const_buffer const first = from.front().rest(skip);
    std::size_t const count = std::min({first.size(), at_once, room - text.size()});
    error = count == 0 ? full : std::error_code();
    text.append(reinterpret_cast<char const*>(first.data()), count);
    ++writes;
    return count;
  }
};

}  // namespace ramie::test
