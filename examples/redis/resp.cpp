#include "resp.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include <ramie/io/error.hpp>

namespace resp {

namespace {

std::size_t to_size(std::string_view text, std::size_t most, char const* what) {
  std::size_t value = 0;
  auto const [end, failed] = std::from_chars(text.begin(), text.end(), value);
  if (failed != std::errc() || end != text.end() || value > most) {
    throw protocol_error(std::string("invalid ") + what);
  }
  return value;
}

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    std::size_t const end = std::min(line.find(' '), line.size());
    if (end != 0) words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

}  // namespace

std::vector<std::string> command_reader::next() try {
  for (;;) {
    std::optional<std::string_view> const first = input_.read_line();
    if (!first) return {};
    if (!first->starts_with('*')) {  // As a person types it.
      if (auto words = split(*first); !words.empty()) return words;
      continue;
    }
    std::size_t const count = to_size(first->substr(1), most_words, "multibulk length");
    std::vector<std::string> words;
    std::size_t left = most_bytes;
    for (std::size_t i = 0; i < count; ++i) {
      words.emplace_back(read_word(left));
      left -= words.back().size();
    }
    if (!words.empty()) return words;
  }
} catch (std::system_error const& error) {
  if (error.code() != ramie::io::errc::limit_exceeded) throw;
  throw protocol_error("too big a request");
}

std::string_view command_reader::read_word(std::size_t left) {
  std::optional<std::string_view> const header = input_.read_line();
  if (!header || !header->starts_with('$')) throw protocol_error("expected '$'");
  std::size_t const size = to_size(header->substr(1), std::min(longest_word, left), "bulk length");
  std::string_view const word = input_.read_count(size + 2);
  if (!word.ends_with("\r\n")) throw protocol_error("expected the end of a line");
  return word.substr(0, size);
}

void reply_writer::line(char kind, std::string_view text) {
  output_.append(1, kind).append(text).append("\r\n");
}

void reply_writer::text(std::string_view value) {
  line('$', std::to_string(value.size()));
  output_.append(value).append("\r\n");
}

void reply_writer::error(std::string_view text) {
  std::string one_line(text);
  auto const breaks = [](char c) { return c == '\r' || c == '\n'; };
  std::replace_if(one_line.begin(), one_line.end(), breaks, ' ');
  line('-', one_line);
}

}  // namespace resp
