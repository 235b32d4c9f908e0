// Files of a file system.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <ramie/io/detail/descriptor_owner.hpp>
#include <ramie/io/file_system.hpp>
#include <ramie/io/input_stream.hpp>
#include <ramie/io/output_stream.hpp>

namespace ramie::io {

/// How to open a file. An aggregate for designated initialisers.
struct open_options {
  bool read = true;
  bool write = false;
  /// Makes the file if there is none; needs `write`.
  bool create = false;
  /// With `create`: errc::file_exists if there is one.
  bool exclusive = false;
  /// Throws away what is in it; needs `write`.
  bool truncate = false;
  /// Every write goes to the end; needs `write`.
  bool append = false;
  /// Of a file that is made; the process's umask is taken away from them.
  mode_t permissions = 0666;
};

/// An open file: an input_stream and an output_stream, which share a position, and what follows.
/// Closed when it is destroyed; move-only, default-constructed and moved-from ones are closed.
///
/// What is in the page cache is read here and now, and what is not by io_uring if the kernel lets
/// the process use it: the fiber parks, and cancellation and deadlines end the read if the kernel
/// still can. Everything else is done by `ramie::blocking`, since no file system tells when it is
/// ready: another thread goes on with the worker's fibers meanwhile. Cancellation and deadlines end
/// the wait for such a thread where all are busy, but not what has begun. Closing ends neither. The
/// two forms of every operation are as input_stream's; an error names the path. Any number of
/// fibers and threads may use the operations that take an offset at once.
class file : public input_stream, public output_stream, public detail::descriptor_owner {
 public:
  /// Closed.
  file() noexcept = default;
  file(file&&) noexcept = default;
  file& operator=(file&&) noexcept = default;
  ~file() override = default;

  /// errc::invalid_argument: options that contradict each other, or a path with a '\0' in it. Child
  /// programs do not inherit it.
  static file open(std::filesystem::path const& path, open_options options = {});
  static file open(std::filesystem::path const& path, std::error_code& error);
  static file open(std::filesystem::path const& path, open_options options, std::error_code& error);

  /// Reads at an offset, and leaves the position alone. Returns how many bytes were read: 0 at and
  /// beyond the end of the file.
  std::size_t read_some_at(std::uint64_t offset, mutable_buffer into);
  std::size_t read_some_at(std::uint64_t offset, mutable_buffer into, std::error_code& error);
  /// Fills the buffer; io::errc::end_of_stream if the file ends first.
  std::size_t read_exact_at(std::uint64_t offset, mutable_buffer into);
  std::size_t read_exact_at(std::uint64_t offset, mutable_buffer into, std::error_code& error);
  /// Writes everything at an offset, and leaves the position alone. In a file that was opened with
  /// `append` it goes to the end all the same (pwrite(2)).
  std::size_t write_all_at(std::uint64_t offset, const_buffer from);
  std::size_t write_all_at(std::uint64_t offset, const_buffer from, std::error_code& error);

  /// Sets the position where the next read or write as a stream begins.
  void seek(std::uint64_t offset);
  void seek(std::uint64_t offset, std::error_code& error);

  /// Cuts the file off, or lengthens it by zeros.
  void resize(std::uint64_t size);
  void resize(std::uint64_t size, std::error_code& error);

  /// Returns when what was written is on the storage device: data and what is needed to find it
  /// (fdatasync(2)), or everything (fsync(2)). After an error the data may be lost: the kernel does
  /// not keep it.
  void sync_data();
  void sync_data(std::error_code& error);
  void sync();
  void sync(std::error_code& error);

  file_status status();
  file_status status(std::error_code& error);

  /// The path it was opened by.
  std::string describe() const override { return path_.string(); }

 private:
  file(int fd, std::filesystem::path path, bool may_raise)
      : descriptor_owner(detail::descriptor(fd)), path_(std::move(path)), may_raise_(may_raise) {}

  std::size_t do_read_some(std::span<mutable_buffer const> into, std::error_code& error) override;
  std::size_t do_write_some(std::span<const_buffer const> from, std::size_t skip,
                            std::error_code& error) override;

  std::filesystem::path path_;
  bool may_raise_ = false;  // SIGPIPE, when it is written to
};

}  // namespace ramie::io
