#include <ramie/io/buffered_writer.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

#include "failure.hpp"

namespace ramie::io {

buffered_writer::buffered_writer(output_stream& stream, std::size_t capacity)
    : stream_(stream), capacity_(capacity) {
  if (capacity == 0) throw std::invalid_argument("ramie: buffered_writer: a capacity of 0 bytes");
}

void buffered_writer::flush(std::error_code& error) {
  error.clear();
  while (begin_ != end_ && !error) {
    std::span<std::byte const> const rest(memory_.get() + begin_, end_ - begin_);
    begin_ += stream_.write_some(rest, error);
  }
  if (begin_ == end_) begin_ = end_ = 0;
}

void buffered_writer::flush() {
  std::error_code error;
  flush(error);
  throw_if(error, "flush to", *this);
}

std::size_t buffered_writer::do_write_some(std::span<const_buffer const> from, std::size_t skip,
                                           std::error_code& error) {
  error.clear();
  const_buffer const first = from.front().rest(skip);
  if (end_ == capacity_) flush(error);
  if (error) return 0;
  // What would fill the buffer by itself need not be copied.
  if (begin_ == end_ && first.size() >= capacity_) return stream_.write_some(first, error);
  if (!memory_) memory_.reset(new (std::nothrow) std::byte[capacity_]);
  if (!memory_) {
    error = std::make_error_code(std::errc::not_enough_memory);
    return 0;
  }
  std::size_t const count = std::min(first.size(), capacity_ - end_);
  std::memcpy(memory_.get() + end_, first.data(), count);
  end_ += count;
  return count;
}

}  // namespace ramie::io
