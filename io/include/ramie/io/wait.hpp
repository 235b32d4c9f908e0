// Waiting for any file descriptor.
#pragma once

#include <system_error>

namespace ramie::io {

/// Wait until a read (an accept, …) or a write (a connect, …) on `fd` would not block: there is
/// data, room, an end or an error. The descriptor stays the caller's: it must not be closed during
/// the wait. One waiter per direction at a time in a runtime: a second one gets
/// errc::device_or_resource_busy. A fiber parks, a plain thread blocks. A cancellation point.
/// Regular files are always ready.
void wait_readable(int fd);
void wait_readable(int fd, std::error_code& error);
void wait_writable(int fd);
void wait_writable(int fd, std::error_code& error);

}  // namespace ramie::io
