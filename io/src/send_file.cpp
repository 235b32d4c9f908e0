#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include <ramie/io/detail/socket_stream.hpp>
#include <ramie/io/file.hpp>
#include <ramie/io/select.hpp>

#include "blocking_call.hpp"
#include "failure.hpp"
#include "without_sigpipe.hpp"

namespace ramie::detail {

namespace {

constexpr std::uint64_t most_at_once = 1 << 20;

/// Whether the whole part of the file is in the page cache. False too where the kernel can't tell
/// (before Linux 6.5), or does not want to.
bool in_page_cache(int fd, std::uint64_t offset, std::uint64_t size) noexcept {
  constexpr long cachestat_number = 451;  // Debian 12's headers have no name for it.
  struct {
    std::uint64_t offset, size;
  } range{offset, size};
  struct {
    std::uint64_t cached, dirty, written_back, evicted, recently_evicted;
  } found{};
  static std::uint64_t const page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::uint64_t const pages = (offset + size - 1) / page - offset / page + 1;
  return ::syscall(cachestat_number, fd, &range, &found, 0U) == 0 && found.cached >= pages;
}

// Not inlined, for errno: see last_error.
[[gnu::noinline]] ssize_t send_part(int to, int from, std::uint64_t offset, std::uint64_t size,
                                    std::error_code& error) noexcept {
  without_sigpipe quiet;
  auto at = static_cast<off_t>(offset);
  ssize_t const result = ::sendfile(to, from, &at, size);
  quiet.note(result, size);
  error = result < 0 ? io::last_error() : std::error_code();
  return result;
}

}  // namespace

std::uint64_t socket_stream::send_file(io::file& from, std::uint64_t offset, std::uint64_t count,
                                       std::error_code& error) {
  descriptor::operation const reading(descriptor_access::of(from));
  descriptor::operation const writing(file_);
  error = reading && writing ? std::error_code() : io::closed_error();
  std::uint64_t sent = 0;
  while (sent < count && !error) {
    std::uint64_t const at = offset + sent;
    std::uint64_t const size = std::min(count - sent, most_at_once);
    ssize_t result = -1;
    auto const attempt = [&] {
      result = send_part(writing.number(), reading.number(), at, size, error);
      return ssize_t{0};
    };
    std::error_code refused;
    if (in_page_cache(reading.number(), at, size)) {
      attempt();
    } else if (block(refused, attempt) < 0) {
      error = refused;
      break;
    }
    if (result == 0) break;  // The end of the file.
    if (result > 0) sent += static_cast<std::uint64_t>(result);
    if (error.value() == EINTR) error.clear();
    if (error == std::errc::operation_would_block) error = file_.wait(direction::write);
  }
  return sent;
}

std::uint64_t socket_stream::send_file(io::file& from, std::uint64_t offset, std::uint64_t count) {
  std::error_code error;
  std::uint64_t const sent = send_file(from, offset, count, error);
  if (error) io::fail(error, "send " + from.describe() + " to " + describe());
  return sent;
}

}  // namespace ramie::detail
