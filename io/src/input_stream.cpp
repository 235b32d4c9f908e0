#include <ramie/io/input_stream.hpp>

#include <algorithm>

#include <ramie/io/error.hpp>

#include "failure.hpp"

namespace ramie::io {

std::size_t input_stream::read_some(std::span<mutable_buffer const> into, std::error_code& error) {
  error.clear();
  auto const first = std::find_if(into.begin(), into.end(),
                                  [](mutable_buffer buffer) { return buffer.size() != 0; });
  return first == into.end() ? 0 : do_read_some({first, into.end()}, error);
}

std::size_t input_stream::read_some(mutable_buffer into, std::error_code& error) {
  clear(error);
  return into.size() == 0 ? 0 : do_read_some(std::span<mutable_buffer const>(&into, 1), error);
}

std::size_t input_stream::read_exact(mutable_buffer into, std::error_code& error) {
  error.clear();
  std::size_t done = 0;
  while (done < into.size() && !error) {
    std::size_t const count = read_some(into.rest(done), error);
    if (count == 0 && !error) error = errc::end_of_stream;
    done += count;
  }
  return done;
}

// --- the same by exceptions

std::size_t input_stream::read_some(std::span<mutable_buffer const> into) {
  std::error_code error;
  std::size_t const count = read_some(into, error);
  throw_if(error, "read from", *this);
  return count;
}

std::size_t input_stream::read_some(mutable_buffer into) {
  if (into.size() == 0) return 0;
  std::error_code error;
  std::size_t const count = do_read_some(std::span<mutable_buffer const>(&into, 1), error);
  throw_if(error, "read from", *this);
  return count;
}

std::size_t input_stream::read_exact(mutable_buffer into) {
  std::error_code error;
  std::size_t const count = read_exact(into, error);
  throw_if(error, "read from", *this);
  return count;
}

}  // namespace ramie::io
