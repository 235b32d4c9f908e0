// What the tests of io share.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include <ramie/io/error.hpp>
#include <ramie/io/tcp_listener.hpp>
#include <ramie/io/tcp_stream.hpp>

#include "../support/fibers.hpp"

namespace ramie::test {

/// UBSan looks at the first object of a class through a pipe of its own: to be called before the
/// descriptors run out.
inline void know_error_categories() {
  EXPECT_EQ(std::error_code(EMFILE, std::system_category()), std::errc::too_many_files_open);
  EXPECT_NE(std::make_error_code(std::errc::timed_out), std::errc::too_many_files_open);
  EXPECT_NE(make_error_code(io::errc::end_of_stream), std::errc::too_many_files_open);
}

struct connection {
  io::tcp_stream client;
  io::tcp_stream server;
};

/// Two ends of one connection over the loopback device.
inline connection connect_pair() {
  auto listener = io::tcp_listener::bind("127.0.0.1", 0);
  connection result;
  result.client = io::tcp_stream::connect("127.0.0.1", listener.local_address().port());
  result.server = listener.accept();
  return result;
}

/// Closes so that the peer gets a reset instead of an end.
inline void reset(io::tcp_stream& stream) {
  linger const at_once{1, 0};
  ASSERT_EQ(::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once),
            0);
  stream.close();
}

/// Whether both are the same open file.
inline bool same_file(int one, int other) {
  struct stat a = {};
  struct stat b = {};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_ino == b.st_ino &&
         a.st_dev == b.st_dev;
}

inline std::string read_text(io::input_stream& stream, std::size_t size) {
  std::string text(size, '\0');
  stream.read_exact(text);
  return text;
}

}  // namespace ramie::test
