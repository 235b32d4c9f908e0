// A connection per request: descriptors come, go, and their numbers are used again at once.
#include "sockets.hpp"

namespace {

using ramie::spawn;
using ramie::io::tcp_listener;
using ramie::io::tcp_stream;
using ramie::test::read_text;

RAMIE_TEST_WITH_WORKERS(AcceptChurn);

TEST_P(AcceptChurn, ServesEveryConnectionOnce) {
  run_it([] {
    auto listener = tcp_listener::bind("127.0.0.1", 0);
    std::uint16_t const port = listener.local_address().port();
    auto server = spawn([&] {
      for (;;) {
        std::error_code error;
        tcp_stream stream = listener.accept(error);
        if (error) return error;
        spawn([one = std::move(stream)]() mutable { one.write_all(read_text(one, 4)); }).detach();
      }
    });
    std::vector<ramie::join_handle<void>> clients;
    for (int c = 0; c < 8; ++c) {
      clients.push_back(spawn([port] {
        for (int i = 0; i < 50; ++i) {
          auto stream = tcp_stream::connect("127.0.0.1", port);
          stream.write_all("ping");
          ASSERT_EQ(read_text(stream, 4), "ping");
        }
      }));
    }
    for (auto& client : clients) client.join();
    listener.close();
    // It was waiting, or had just served the last one and came back to a closed listener.
    std::error_code const end = server.join();
    EXPECT_TRUE(end == std::errc::operation_canceled || end == std::errc::bad_file_descriptor);
  });
}

}  // namespace
