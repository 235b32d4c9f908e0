#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <system_error>

#include <ramie/io/tcp_listener.hpp>

#include "sockets.hpp"

namespace {

using ramie::spawn;
using ramie::io::tcp_listener;

/// In a process of its own: accepts where not even the poller finds descriptors, until others free
/// some.
[[noreturn]] void accept_without_a_poller() {
  bool const good = ramie::run({.workers = 1}, [] {
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    auto const where = listener.local_address();
    int const client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(client, where.native(), where.native_size()) != 0) return false;
    std::array<int, 3> reserve{};
    for (int& each : reserve) each = ::dup(client);
    ramie::test::know_error_categories();
    auto const most = static_cast<rlim_t>(reserve.back() + 1);
    rlimit const limit = {most, most};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    auto freeing = spawn([&] {
      for (int const each : reserve) ::close(each);
    });
    int failures = 0;
    for (std::error_code error; !listener.accept(error).is_open(); ++failures) {
      if (error != std::errc::too_many_files_open) return false;
    }
    freeing.join();
    return failures > 0;
  });
  std::_Exit(good ? 0 : 1);
}

TEST(ListenerLimitsDeathTest, NotEvenThePollerHasADescriptorAndOthersGetTheirTurn) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(accept_without_a_poller(), testing::ExitedWithCode(0), "");
}

}  // namespace
