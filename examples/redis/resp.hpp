// The Redis protocol (RESP 2): commands as they come, replies as they go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <ramie/io/buffered_reader.hpp>
#include <ramie/io/input_stream.hpp>

namespace resp {

/// The peer does not speak the protocol: there is no telling where its next command begins.
struct protocol_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class command_reader {
 public:
  /// Of a word, of the words of a command, and of all their bytes.
  static constexpr std::size_t longest_word = 1 << 20;
  static constexpr std::size_t most_words = 1 << 16;
  static constexpr std::size_t most_bytes = 16 << 20;

  explicit command_reader(ramie::io::input_stream& from) : input_(from, longest_word + 2) {}

  /// The words of the next command; none: the stream has ended. Throws protocol_error.
  std::vector<std::string> next();

 private:
  std::string_view read_word(std::size_t left);

  ramie::io::buffered_reader input_;
};

/// Appends replies to a text. They are written when nothing is locked any more.
class reply_writer {
 public:
  explicit reply_writer(std::string& to) : output_(to) {}

  void status(std::string_view text) { line('+', text); }
  /// On one line, whatever it says.
  void error(std::string_view text);
  void number(std::int64_t value) { line(':', std::to_string(value)); }
  void text(std::string_view value);
  void nothing() { line('$', "-1"); }
  /// Its elements follow.
  void array(std::size_t size) { line('*', std::to_string(size)); }

 private:
  void line(char kind, std::string_view text);

  std::string& output_;
};

}  // namespace resp
