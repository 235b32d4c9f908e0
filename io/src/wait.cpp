#include <ramie/io/wait.hpp>

#include <fcntl.h>

#include <cerrno>
#include <string>

#include "failure.hpp"
#include "poller.hpp"
#include "thread_wait.hpp"

namespace ramie::io {

namespace {

using detail::direction;

std::error_code wait_for(int fd, direction side) {
  detail::wait_target const target{fd, detail::record::stranger, nullptr};
  // poll(2) takes no number below zero, and libev ends the process for one that the kernel refuses.
  int const flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return {errno, std::system_category()};
  if ((flags & O_PATH) != 0) return std::make_error_code(std::errc::bad_file_descriptor);
  std::error_code error;
  if (detail::poller* const here = detail::poller::of_this_fiber(error)) {
    return here->wait(target, side);
  }
  return error ? error : detail::thread_wait(target, side);
}

void throw_on_error(std::error_code error, const char* operation, int fd) {
  if (error) fail(error, operation + std::string(" ") + std::to_string(fd));
}

}  // namespace

void wait_readable(int fd, std::error_code& error) {
  error = wait_for(fd, direction::read);
}
void wait_writable(int fd, std::error_code& error) {
  error = wait_for(fd, direction::write);
}

void wait_readable(int fd) {
  throw_on_error(wait_for(fd, direction::read), "wait_readable", fd);
}
void wait_writable(int fd) {
  throw_on_error(wait_for(fd, direction::write), "wait_writable", fd);
}

}  // namespace ramie::io
