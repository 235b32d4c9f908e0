#include <ramie/io/file_system.hpp>

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <span>
#include <string_view>

#include <ramie/io/error.hpp>
#include <ramie/io/file.hpp>

#include "blocking_call.hpp"
#include "failure.hpp"
#include "file_status.hpp"

namespace ramie::detail {

namespace {

std::filesystem::file_type type_of(mode_t mode) {
  using std::filesystem::file_type;
  switch (mode & S_IFMT) {
    case S_IFREG:
      return file_type::regular;
    case S_IFDIR:
      return file_type::directory;
    case S_IFLNK:
      return file_type::symlink;
    case S_IFBLK:
      return file_type::block;
    case S_IFCHR:
      return file_type::character;
    case S_IFIFO:
      return file_type::fifo;
    case S_IFSOCK:
      return file_type::socket;
    default:
      return file_type::unknown;
  }
}

}  // namespace

io::file_status status_of(struct stat const& found) {
  using namespace std::chrono;
  return {
      type_of(found.st_mode), static_cast<std::filesystem::perms>(found.st_mode & 07777),
      static_cast<std::uint64_t>(found.st_size),
      sys_time<nanoseconds>(seconds(found.st_mtim.tv_sec) + nanoseconds(found.st_mtim.tv_nsec))};
}

bool has_terminator(std::filesystem::path const& path) {
  return path.native().find('\0') != std::string::npos;
}

}  // namespace ramie::detail

namespace ramie::io {

namespace {

/// Adds the names of a directory. -1: errno tells. Not inlined, for errno: see last_error.
[[gnu::noinline]] int list_into(std::vector<std::filesystem::path>& names, char const* path) {
  std::unique_ptr<DIR, int (*)(DIR*)> const directory(::opendir(path), &::closedir);
  if (!directory) return -1;
  for (;;) {
    errno = 0;
    dirent const* const entry = ::readdir(directory.get());
    if (entry == nullptr) return errno == 0 ? 0 : -1;
    std::string_view const name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
}

}  // namespace

file_status file_status::of(std::filesystem::path const& path, std::error_code& error) {
  struct stat found = {};
  if (detail::has_terminator(path)) {
    error = std::make_error_code(std::errc::invalid_argument);
    return {};
  }
  detail::block(error, [&] { return ::stat(path.c_str(), &found); });
  return error ? file_status() : detail::status_of(found);
}

std::vector<std::filesystem::path> list_directory(std::filesystem::path const& path,
                                                  std::error_code& error) {
  std::vector<std::filesystem::path> names;
  if (detail::has_terminator(path)) {
    error = std::make_error_code(std::errc::invalid_argument);
    return {};
  }
  detail::block(error, [&] {
    names.clear();
    return list_into(names, path.c_str());
  });
  if (error) return {};
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_file(std::filesystem::path const& path, std::size_t limit,
                      std::error_code& error) {
  constexpr std::size_t at_once = 64 * 1024;
  file source = file::open(path, error);
  std::string content;
  while (!error) {
    // One byte more than the limit tells whether there is more.
    std::size_t const wanted = std::min(at_once, limit - content.size());
    std::size_t const before = content.size();
    content.resize(before + std::max<std::size_t>(wanted, 1));
    std::size_t const count = source.read_some(std::span(content).subspan(before), error);
    content.resize(before + count);
    if (count == 0) break;
    if (content.size() > limit) error = errc::limit_exceeded;
  }
  return error ? std::string() : content;
}

std::string read_file(std::filesystem::path const& path, std::error_code& error) {
  return read_file(path, std::string::npos, error);
}

// --- the same by exceptions

file_status file_status::of(std::filesystem::path const& path) {
  std::error_code error;
  file_status const result = of(path, error);
  if (error) fail(error, "status of " + path.string());
  return result;
}

std::vector<std::filesystem::path> list_directory(std::filesystem::path const& path) {
  std::error_code error;
  auto result = list_directory(path, error);
  if (error) fail(error, "list " + path.string());
  return result;
}

std::string read_file(std::filesystem::path const& path, std::size_t limit) {
  std::error_code error;
  std::string result = read_file(path, limit, error);
  if (error) fail(error, "read " + path.string());
  return result;
}

}  // namespace ramie::io
