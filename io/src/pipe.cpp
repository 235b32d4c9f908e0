#include <ramie/io/pipe.hpp>

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "attempt.hpp"
#include "vectors.hpp"
#include "without_sigpipe.hpp"

namespace ramie::io {

namespace {

using detail::direction;
using operation = detail::descriptor::operation;

int make_non_blocking(int fd) noexcept {
  int const flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  return fd;
}

detail::descriptor own(int fd) noexcept {
  return fd < 0 ? detail::descriptor() : detail::descriptor(make_non_blocking(fd));
}

// Not inlined, for errno: see last_error.
[[gnu::noinline]] ssize_t write_quietly(int fd, detail::vectors& parts) noexcept {
  detail::without_sigpipe quiet;
  ssize_t const result = ::writev(fd, parts.data(), static_cast<int>(parts.count()));
  quiet.note(result, parts.bytes());
  return result;
}

std::string name_of(int fd) {
  return fd < 0 ? "a closed pipe" : "pipe " + std::to_string(fd);
}

}  // namespace

pipe_reader::pipe_reader(int fd) noexcept : descriptor_owner(own(fd)) {}

std::string pipe_reader::describe() const {
  return name_of(native_handle());
}

std::size_t pipe_reader::do_read_some(std::span<mutable_buffer const> into,
                                      std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error) return 0;
  detail::vectors parts(into);
  ssize_t const count = detail::repeat(file_, direction::read, error, [&] {
    return ::readv(running.number(), parts.data(), static_cast<int>(parts.count()));
  });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

pipe_writer::pipe_writer(int fd) noexcept : descriptor_owner(own(fd)) {}

std::string pipe_writer::describe() const {
  return name_of(native_handle());
}

std::size_t pipe_writer::do_write_some(std::span<const_buffer const> from, std::size_t skip,
                                       std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  if (error) return 0;
  detail::vectors parts(from, skip);
  ssize_t const count = detail::repeat(file_, direction::write, error,
                                       [&] { return write_quietly(running.number(), parts); });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

pipe pipe::open(std::error_code& error) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
    error = last_error();
    return {};
  }
  error.clear();
  return {pipe_reader(ends[0]), pipe_writer(ends[1])};
}

pipe pipe::open() {
  std::error_code error;
  pipe result = open(error);
  if (error) fail(error, "open a pipe");
  return result;
}

}  // namespace ramie::io
