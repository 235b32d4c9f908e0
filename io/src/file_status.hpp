// What stat(2) tells, in the words of std::filesystem.
#pragma once

#include <sys/stat.h>

#include <filesystem>

#include <ramie/io/file_system.hpp>

namespace ramie::detail {

io::file_status status_of(struct stat const& found);

/// Whether the system would take the path for a shorter one.
bool has_terminator(std::filesystem::path const& path);

}  // namespace ramie::detail
