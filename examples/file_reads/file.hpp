// Reading one file to its end, in straight blocking style and in single steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>

namespace file_reads {

/// What reading a file came to. The rest means nothing if there is an error.
struct outcome {
  std::error_code error;
  std::uint32_t checksum = 0;  // CRC-32, as zlib's
  std::uint64_t bytes = 0;
};

/// Reads the file to its end; blocks the calling thread meanwhile.
outcome read_file(const std::string& path);

/// The same from the page cache alone: nothing if some of the file has to be fetched first, or if
/// the file system cannot tell. The fetching may have begun then (preadv2(2), RWF_NOWAIT).
std::optional<outcome> read_cached_file(const std::string& path);

/// Continues the checksum of what came before, at first 0.
std::uint32_t checksum(std::uint32_t before, std::span<char const> bytes);

/// The error of the system call that has just failed.
std::error_code last_error() noexcept;

/// Takes the file's data out of the page cache, as far as it has been written back. False: the
/// system refused. A file that is not there counts as done.
bool drop_from_cache(const std::string& path);

/// Whether any of the file's data is in the page cache. Does not fetch any.
bool in_cache(const std::string& path);

}  // namespace file_reads
