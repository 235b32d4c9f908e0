#include <ramie/io/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <limits>
#include <optional>
#include <span>

#include <ramie/io/error.hpp>

#include "attempt.hpp"
#include "blocking_call.hpp"
#include "file_status.hpp"
#include "poller.hpp"
#include "vectors.hpp"
#include "without_sigpipe.hpp"

namespace ramie::io {

namespace {

using detail::block;
using operation = detail::descriptor::operation;

std::size_t count_of(ssize_t result) {
  return result > 0 ? static_cast<std::size_t>(result) : 0;
}

/// As the system calls want it. A larger one is an error of theirs too, but another one for each.
off_t offset_of(std::uint64_t offset, std::error_code& error) {
  bool const fits = offset <= static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  error = fits ? std::error_code() : std::make_error_code(std::errc::invalid_argument);
  return static_cast<off_t>(offset);
}

/// Reads without holding the worker. Nothing: there is no way to.
std::optional<ssize_t> read_parked(int number, std::span<iovec const> into, off_t offset,
                                   std::error_code& error) {
  detail::poller* const here = detail::poller::of_this_fiber(error);
  if (here == nullptr) return std::nullopt;
  return here->read_file(number, into, offset, error);
}

/// Reads, at the file's own position if `offset` is -1: first without waiting (RWF_NOWAIT), which
/// reads what is in the page cache, else by io_uring, else where it may block.
std::size_t read_at(detail::descriptor& file, off_t offset, detail::vectors& parts,
                    std::error_code& error) {
  operation const running(file);
  error = running ? std::error_code() : closed_error();
  if (error) return 0;
  auto const attempt = [&](int flags) {
    return ::preadv2(running.number(), parts.data(), static_cast<int>(parts.count()), offset,
                     flags);
  };
  ssize_t const cached = attempt(RWF_NOWAIT);
  if (cached >= 0) return count_of(cached);
  if (last_error() == std::errc::operation_would_block) {
    auto const read = read_parked(running.number(), {parts.data(), parts.count()}, offset, error);
    if (read) return count_of(*read);
  }
  return count_of(block(error, [&] { return attempt(0); }));
}

ssize_t write_part(int fd, off_t offset, detail::vectors& parts) noexcept {
  return ::pwritev2(fd, parts.data(), static_cast<int>(parts.count()), offset, 0);
}

std::size_t write_at(detail::descriptor& file, off_t offset, detail::vectors& parts,
                     std::error_code& error) {
  return count_of(block(file, error, [&](int fd) { return write_part(fd, offset, parts); }));
}

// Not inlined, for errno: see last_error.
[[gnu::noinline]] ssize_t write_without_sigpipe(int fd, detail::vectors& parts) noexcept {
  detail::without_sigpipe quiet;
  ssize_t const result = write_part(fd, -1, parts);
  quiet.note(result, parts.bytes());
  return result;
}

/// Whether it is a FIFO, as far as can be told.
bool may_raise_sigpipe(int fd) noexcept {
  struct stat found = {};
  return ::fstat(fd, &found) != 0 || S_ISFIFO(found.st_mode);
}

/// -1: they contradict each other.
int flags_of(open_options const& options) {
  bool const changes = options.create || options.truncate || options.append;
  if ((!options.read && !options.write) || (changes && !options.write) ||
      (options.exclusive && !options.create)) {
    return -1;
  }
  int flags = O_CLOEXEC | O_NOCTTY;
  flags |= options.write ? (options.read ? O_RDWR : O_WRONLY) : O_RDONLY;
  if (options.create) flags |= O_CREAT;
  if (options.exclusive) flags |= O_EXCL;
  if (options.truncate) flags |= O_TRUNC;
  if (options.append) flags |= O_APPEND;
  return flags;
}

}  // namespace

// --- open

file file::open(std::filesystem::path const& path, open_options options, std::error_code& error) {
  int const flags = flags_of(options);
  if (flags < 0 || detail::has_terminator(path)) {
    error = std::make_error_code(std::errc::invalid_argument);
    return {};
  }
  bool may_raise = false;
  ssize_t const fd = block(error, [&] {
    int const opened = ::open(path.c_str(), flags, options.permissions);
    may_raise = options.write && opened >= 0 && may_raise_sigpipe(opened);
    return opened;
  });
  return error ? file() : file(static_cast<int>(fd), path, may_raise);
}

file file::open(std::filesystem::path const& path, std::error_code& error) {
  return open(path, open_options{}, error);
}

file file::open(std::filesystem::path const& path, open_options options) {
  std::error_code error;
  file result = open(path, options, error);
  if (error) fail(error, "open " + path.string());
  return result;
}

// --- as a stream

std::size_t file::do_read_some(std::span<mutable_buffer const> into, std::error_code& error) {
  detail::vectors parts(into);
  return read_at(file_, -1, parts, error);
}

std::size_t file::do_write_some(std::span<const_buffer const> from, std::size_t skip,
                                std::error_code& error) {
  detail::vectors parts(from, skip);
  if (!may_raise_) return write_at(file_, -1, parts, error);
  return count_of(block(file_, error, [&](int fd) { return write_without_sigpipe(fd, parts); }));
}

void file::seek(std::uint64_t offset, std::error_code& error) {
  off_t const to = offset_of(offset, error);
  if (error) return;
  detail::call_once(file_, error,
                    [&](int fd) { return ::lseek(fd, to, SEEK_SET) < 0 ? ssize_t{-1} : 0; });
}

// --- at an offset

std::size_t file::read_some_at(std::uint64_t offset, mutable_buffer into, std::error_code& error) {
  off_t const from = offset_of(offset, error);
  if (error || into.size() == 0) return 0;
  detail::vectors parts(std::span<mutable_buffer const>(&into, 1));
  return read_at(file_, from, parts, error);
}

std::size_t file::read_exact_at(std::uint64_t offset, mutable_buffer into, std::error_code& error) {
  error.clear();
  std::size_t done = 0;
  while (done < into.size() && !error) {
    std::size_t const count = read_some_at(offset + done, into.rest(done), error);
    if (count == 0 && !error) error = errc::end_of_stream;
    done += count;
  }
  return done;
}

std::size_t file::write_all_at(std::uint64_t offset, const_buffer from, std::error_code& error) {
  error.clear();
  std::size_t done = 0;
  while (done < from.size() && !error) {
    off_t const to = offset_of(offset + done, error);
    if (error) break;
    detail::vectors parts(std::span<const_buffer const>(&from, 1), done);
    done += write_at(file_, to, parts, error);
  }
  return done;
}

// --- the whole file

void file::resize(std::uint64_t size, std::error_code& error) {
  off_t const to = offset_of(size, error);
  if (!error) block(file_, error, [&](int fd) { return ::ftruncate(fd, to); });
}

void file::sync_data(std::error_code& error) {
  block(file_, error, [](int fd) { return ::fdatasync(fd); });
}

void file::sync(std::error_code& error) {
  block(file_, error, [](int fd) { return ::fsync(fd); });
}

file_status file::status(std::error_code& error) {
  struct stat found = {};
  block(file_, error, [&](int fd) { return ::fstat(fd, &found); });
  return error ? file_status() : detail::status_of(found);
}

// --- the same by exceptions

std::size_t file::read_some_at(std::uint64_t offset, mutable_buffer into) {
  std::error_code error;
  std::size_t const count = read_some_at(offset, into, error);
  throw_if(error, "read from", *this);
  return count;
}

std::size_t file::read_exact_at(std::uint64_t offset, mutable_buffer into) {
  std::error_code error;
  std::size_t const count = read_exact_at(offset, into, error);
  throw_if(error, "read from", *this);
  return count;
}

std::size_t file::write_all_at(std::uint64_t offset, const_buffer from) {
  std::error_code error;
  std::size_t const count = write_all_at(offset, from, error);
  throw_if(error, "write to", *this);
  return count;
}

void file::seek(std::uint64_t offset) {
  std::error_code error;
  seek(offset, error);
  throw_if(error, "seek in", *this);
}

void file::resize(std::uint64_t size) {
  std::error_code error;
  resize(size, error);
  throw_if(error, "resize", *this);
}

void file::sync_data() {
  std::error_code error;
  sync_data(error);
  throw_if(error, "sync", *this);
}

void file::sync() {
  std::error_code error;
  sync(error);
  throw_if(error, "sync", *this);
}

file_status file::status() {
  std::error_code error;
  file_status const result = status(error);
  throw_if(error, "status of", *this);
  return result;
}

}  // namespace ramie::io
