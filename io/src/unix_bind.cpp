#include "unix_bind.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include <ramie/io/owned_descriptor.hpp>
#include <ramie/sched/cancellation_shield.hpp>

#include "backoff.hpp"
#include "failure.hpp"
#include "sockets.hpp"

namespace ramie::detail {

namespace {

/// The lock of the folder of a path, from a bind to the listen, and from the look whether a socket
/// is stale to the bind in its place: see io/DESIGN.md#in-folders.
class folder_lock {
 public:
  explicit folder_lock(io::unix_address const& where) {
    std::string_view const name = where.name();
    if (name.empty() || name.starts_with('\0')) return;
    auto folder = std::filesystem::path(name).parent_path();
    if (folder.empty()) folder = ".";
    file_.reset(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!file_) return;
    // Others have it for a moment only. Who has it for longer does not keep a bind from being made.
    cancellation_shield const shield;
    backoff wait;
    for (int tries = 0; tries < 6 && !take(); ++tries) wait.pause();
    if (is_busy_) take();
  }
  folder_lock(folder_lock const&) = delete;
  folder_lock& operator=(folder_lock const&) = delete;
  // A child that is being started has the file, too, so that to close it would not be enough.
  ~folder_lock() {
    if (is_held_) change(LOCK_UN);
  }

  /// Somebody else has it, and may be in the middle.
  bool is_busy() const noexcept { return is_busy_; }

 private:
  bool change(int operation) noexcept { return ::flock(file_.get(), operation) == 0; }

  /// False: somebody else has it. A folder that can't be locked is nobody's.
  bool take() noexcept {
    is_held_ = change(LOCK_EX | LOCK_NB);
    is_busy_ = !is_held_ && io::last_error() == std::errc::operation_would_block;
    return !is_busy_;
  }

  io::owned_descriptor file_;
  bool is_held_ = false;
  bool is_busy_ = false;
};

bool try_to_bind(int fd, io::unix_address const& where, std::error_code& error) noexcept {
  int const result = ::bind(fd, where.native(), where.native_size());
  error = result == 0 ? std::error_code() : io::last_error();
  return result == 0;
}

/// Removes a socket that nobody has open. False: there is none.
bool remove_stale(io::unix_address const& where, int type) {
  std::string const path(where.name());
  struct stat found = {};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  std::error_code error;
  io::owned_descriptor const probe(open_socket(AF_UNIX, type, error));
  if (!probe) return false;
  // Does not wait: a backlog that is full is an error too, and another one.
  return ::connect(probe.get(), where.native(), where.native_size()) != 0 &&
         io::last_error() == std::errc::connection_refused && ::unlink(path.c_str()) == 0;
}

}  // namespace

void bind_unix(int fd, io::unix_address const& where, bool replace_stale,
               std::optional<int> backlog, std::error_code& error) {
  int const type = backlog ? SOCK_STREAM : SOCK_DGRAM;
  folder_lock const lock(where);
  if (!try_to_bind(fd, where, error) && error == std::errc::address_in_use && replace_stale &&
      !lock.is_busy() && remove_stale(where, type)) {
    try_to_bind(fd, where, error);
  }
  if (!error && backlog && ::listen(fd, *backlog) != 0) error = io::last_error();
}

}  // namespace ramie::detail
