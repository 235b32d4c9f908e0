// What is in a file system.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace ramie::io {

// All functions here are done by `ramie::blocking`, and are cancellation points as that is. The
// first form of each throws std::system_error, which names the path. For everything else about
// paths there is std::filesystem, within `ramie::blocking`.

/// What the file system tells of a file.
struct file_status {
  std::filesystem::file_type type = std::filesystem::file_type::none;
  std::filesystem::perms permissions = std::filesystem::perms::none;
  std::uint64_t size = 0;
  std::chrono::sys_time<std::chrono::nanoseconds> modified{};

  /// Of what is at the path, symbolic links followed.
  static file_status of(std::filesystem::path const& path);
  static file_status of(std::filesystem::path const& path, std::error_code& error);
};

/// The names in a directory, sorted, without "." and "..".
std::vector<std::filesystem::path> list_directory(std::filesystem::path const& path);
std::vector<std::filesystem::path> list_directory(std::filesystem::path const& path,
                                                  std::error_code& error);

/// The whole content of a file; errc::limit_exceeded if that is more than `limit` bytes, however
/// large the file says it is.
std::string read_file(std::filesystem::path const& path, std::size_t limit = std::string::npos);
std::string read_file(std::filesystem::path const& path, std::error_code& error);
std::string read_file(std::filesystem::path const& path, std::size_t limit, std::error_code& error);

}  // namespace ramie::io
