#include <ramie/io/buffered_reader.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <utility>

#include <ramie/io/error.hpp>

#include "failure.hpp"

namespace ramie::io {

namespace {

constexpr std::size_t first_size = 4096;

}  // namespace

buffered_reader::buffered_reader(input_stream& stream, std::size_t limit)
    : stream_(&stream), limit_(limit) {
  if (limit == 0) throw std::invalid_argument("ramie: buffered_reader: a limit of 0 bytes");
}

buffered_reader::buffered_reader(buffered_reader&& other) noexcept
    : stream_(std::exchange(other.stream_, nullptr)),
      limit_(other.limit_),
      memory_(std::move(other.memory_)),
      size_(std::exchange(other.size_, 0)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)) {}

buffered_reader& buffered_reader::operator=(buffered_reader&& other) noexcept {
  if (this == &other) return *this;
  stream_ = std::exchange(other.stream_, nullptr);
  limit_ = other.limit_;
  memory_ = std::move(other.memory_);
  size_ = std::exchange(other.size_, 0);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  return *this;
}

/// Room for at least one byte behind what is buffered, of which there is less than the limit.
bool buffered_reader::make_room(std::error_code& error) {
  if (end_ < size_) return true;
  std::size_t const count = end_ - begin_;
  if (begin_ != 0) {
    std::memmove(memory_.get(), memory_.get() + begin_, count);
  } else {
    std::size_t const larger = std::min(std::max(2 * size_, first_size), limit_);
    std::unique_ptr<char[]> memory(new (std::nothrow) char[larger]);
    if (!memory) {
      error = std::make_error_code(std::errc::not_enough_memory);
      return false;
    }
    if (count != 0) std::memcpy(memory.get(), memory_.get(), count);
    memory_ = std::move(memory);
    size_ = larger;
  }
  begin_ = 0;
  end_ = count;
  return true;
}

/// One read behind what is buffered. False: an error, or the end of the stream, which is an error
/// where something is left.
bool buffered_reader::fill(std::error_code& error) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (!make_room(error)) return false;
  std::size_t const count =
      stream_->read_some(std::span(memory_.get() + end_, size_ - end_), error);
  end_ += count;
  if (!error && count == 0 && begin_ != end_) error = errc::end_of_stream;
  return !error && count != 0;
}

// --- parts

std::optional<std::string_view> buffered_reader::read_until(std::string_view delimiter,
                                                            std::error_code& error) {
  error.clear();
  if (delimiter.empty()) {
    error = std::make_error_code(std::errc::invalid_argument);
    return std::nullopt;
  }
  std::size_t searched = 0;
  do {
    std::string_view const have = buffered();
    std::size_t const at = have.find(delimiter, searched);
    if (at != std::string_view::npos) {
      begin_ += at + delimiter.size();
      return have.substr(0, at);
    }
    if (have.size() >= limit_) {
      error = errc::limit_exceeded;
      return std::nullopt;
    }
    searched = have.size() - std::min(have.size(), delimiter.size() - 1);
  } while (fill(error));
  return std::nullopt;
}

std::optional<std::string_view> buffered_reader::read_line(std::error_code& error) {
  auto line = read_until("\n", error);
  if (line && line->ends_with('\r')) line->remove_suffix(1);
  return line;
}

std::string_view buffered_reader::read_count(std::size_t count, std::error_code& error) {
  error.clear();
  if (count > limit_) error = errc::limit_exceeded;
  while (!error && buffered().size() < count) {
    if (!fill(error) && !error) error = errc::end_of_stream;
  }
  if (error) return {};
  std::string_view const found = buffered().substr(0, count);
  begin_ += count;
  return found;
}

std::size_t buffered_reader::read_some(mutable_buffer into, std::error_code& error) {
  error.clear();
  std::string_view const have = buffered();
  if (have.empty()) return stream_->read_some(into, error);
  std::size_t const count = std::min(have.size(), into.size());
  std::memcpy(into.data(), have.data(), count);
  begin_ += count;
  return count;
}

// --- the same by exceptions

std::optional<std::string_view> buffered_reader::read_line() {
  std::error_code error;
  auto const line = read_line(error);
  throw_if(error, "read a line from", *stream_);
  return line;
}

std::optional<std::string_view> buffered_reader::read_until(std::string_view delimiter) {
  std::error_code error;
  auto const part = read_until(delimiter, error);
  throw_if(error, "read up to a delimiter from", *stream_);
  return part;
}

std::string_view buffered_reader::read_count(std::size_t count) {
  std::error_code error;
  std::string_view const part = read_count(count, error);
  throw_if(error, "read a count of bytes from", *stream_);
  return part;
}

std::size_t buffered_reader::read_some(mutable_buffer into) {
  std::error_code error;
  std::size_t const count = read_some(into, error);
  throw_if(error, "read from", *stream_);
  return count;
}

}  // namespace ramie::io
