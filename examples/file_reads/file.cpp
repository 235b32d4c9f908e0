#include "file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <vector>

namespace file_reads {

namespace {

constexpr std::size_t buffer_size = 64 * 1024;

class descriptor {
 public:
  explicit descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  descriptor(descriptor const&) = delete;
  descriptor& operator=(descriptor const&) = delete;
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int number() const noexcept { return fd_; }

 private:
  int fd_;
};

/// flags: preadv2's.
outcome read_file(const std::string& path, int flags) {
  outcome result;
  descriptor const file(path);
  if (file.number() < 0) {
    result.error = last_error();
    return result;
  }
  std::unique_ptr<char[]> const buffer(new (std::nothrow) char[buffer_size]);
  if (!buffer) {
    result.error = std::make_error_code(std::errc::not_enough_memory);
    return result;
  }
  iovec const into = {buffer.get(), buffer_size};
  for (;;) {
    ssize_t const count = ::preadv2(file.number(), &into, 1, -1, flags);
    if (count == 0) return result;
    if (count > 0) {
      auto const size = static_cast<std::size_t>(count);
      result.checksum = checksum(result.checksum, {buffer.get(), size});
      result.bytes += size;
    } else if (errno != EINTR) {
      result.error = last_error();
      return result;
    }
  }
}

}  // namespace

std::error_code last_error() noexcept {
  return {errno, std::system_category()};
}

std::uint32_t checksum(std::uint32_t before, std::span<char const> bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(before, reinterpret_cast<unsigned char const*>(bytes.data()), bytes.size()));
}

outcome read_file(const std::string& path) {
  return read_file(path, 0);
}

std::optional<outcome> read_cached_file(const std::string& path) {
  outcome const result = read_file(path, RWF_NOWAIT);
  if (result.error == std::errc::resource_unavailable_try_again ||
      result.error == std::errc::operation_not_supported ||
      result.error == std::errc::function_not_supported) {
    return std::nullopt;
  }
  return result;
}

bool drop_from_cache(const std::string& path) {
  descriptor const file(path);
  return file.number() < 0 || ::posix_fadvise(file.number(), 0, 0, POSIX_FADV_DONTNEED) == 0;
}

bool in_cache(const std::string& path) {
  descriptor const file(path);
  struct stat status = {};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0 || status.st_size == 0) {
    return false;
  }
  auto const size = static_cast<std::size_t>(status.st_size);
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number(), 0);
  if (data == MAP_FAILED) return false;
  auto const page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((size + page - 1) / page);
  bool const known = ::mincore(data, size, resident.data()) == 0;
  ::munmap(data, size);
  return known &&
         std::any_of(resident.begin(), resident.end(), [](unsigned char in) { return in & 1; });
}

}  // namespace file_reads
