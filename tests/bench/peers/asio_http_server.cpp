// The main job's HTTP server on Asio's C++20 coroutines, one for each connection: one io_context
// that as many threads run as there are workers.
#include <asio.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "http.hpp"
#include "process.hpp"

namespace {

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;

awaitable<void> serve(tcp::socket client) {
  std::error_code error;
  client.set_option(tcp::no_delay(true), error);
  http::session session;
  while (!error && !session.finished()) {
    auto const room = session.room();
    std::size_t const count = co_await client.async_read_some(
        asio::buffer(room.data(), room.size()), redirect_error(use_awaitable, error));
    if (error) co_return;
    session.received(count);
    if (session.replies().empty()) continue;
    co_await asio::async_write(client, asio::buffer(session.replies()),
                               redirect_error(use_awaitable, error));
    session.sent();
  }
}

awaitable<void> accept(tcp::acceptor& listener) {
  for (;;) {
    std::error_code error;
    tcp::socket client = co_await listener.async_accept(redirect_error(use_awaitable, error));
    if (!error) {
      asio::co_spawn(listener.get_executor(), serve(std::move(client)), asio::detached);
      continue;
    }
    std::fprintf(stderr, "accept: %s\n", error.message().c_str());
    asio::steady_timer pause(listener.get_executor(), std::chrono::milliseconds(100));
    co_await pause.async_wait(use_awaitable);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  server_options const options = parse_options(argc, argv);
  raise_descriptor_limit();
  asio::io_context loop(static_cast<int>(options.workers));
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code const&, int) { loop.stop(); });
  tcp::acceptor listener(loop, {asio::ip::address_v4::loopback(), options.port});
  asio::co_spawn(loop, accept(listener), asio::detached);
  announce(listener.local_endpoint().port());
  std::vector<std::thread> others;
  for (unsigned i = 1; i < options.workers; ++i) others.emplace_back([&] { loop.run(); });
  loop.run();
  for (auto& other : others) other.join();
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
