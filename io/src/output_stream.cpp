#include <ramie/io/output_stream.hpp>

#include "failure.hpp"

namespace ramie::io {

namespace {

/// Takes the buffers away that lie before the byte `at`, and empty ones there; leaves in `at` how
/// far into the first one it lies.
void advance(std::span<const_buffer const>& buffers, std::size_t& at) {
  while (!buffers.empty() && buffers.front().size() <= at) {
    at -= buffers.front().size();
    buffers = buffers.subspan(1);
  }
}

}  // namespace

std::size_t output_stream::write_some(std::span<const_buffer const> from, std::error_code& error) {
  error.clear();
  std::size_t skip = 0;
  advance(from, skip);
  return from.empty() ? 0 : do_write_some(from, 0, error);
}

std::size_t output_stream::write_some(const_buffer from, std::error_code& error) {
  return write_some(std::span<const_buffer const>(&from, 1), error);
}

std::size_t output_stream::write_all(std::span<const_buffer const> from, std::error_code& error) {
  error.clear();
  std::size_t done = 0;
  std::size_t skip = 0;
  for (advance(from, skip); !from.empty() && !error; advance(from, skip)) {
    std::size_t const count = do_write_some(from, skip, error);
    done += count;
    skip += count;
  }
  return done;
}

std::size_t output_stream::write_all(const_buffer from, std::error_code& error) {
  clear(error);
  std::size_t done = 0;
  while (done < from.size() && !error) {
    done += do_write_some(std::span<const_buffer const>(&from, 1), done, error);
  }
  return done;
}

// --- the same by exceptions

std::size_t output_stream::write_some(std::span<const_buffer const> from) {
  std::error_code error;
  std::size_t const count = write_some(from, error);
  throw_if(error, "write to", *this);
  return count;
}

std::size_t output_stream::write_some(const_buffer from) {
  return write_some(std::span<const_buffer const>(&from, 1));
}

std::size_t output_stream::write_all(std::span<const_buffer const> from) {
  std::error_code error;
  std::size_t const count = write_all(from, error);
  throw_if(error, "write to", *this);
  return count;
}

std::size_t output_stream::write_all(const_buffer from) {
  std::error_code error;
  std::size_t const count = write_all(from, error);
  throw_if(error, "write to", *this);
  return count;
}

}  // namespace ramie::io
