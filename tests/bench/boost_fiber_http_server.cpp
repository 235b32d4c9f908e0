// The main job's HTTP server (examples/http_server/server.hpp) on Boost.Fiber, one worker, with
// Boost.Asio below: as in the Asio example of Boost.Fiber's own documentation a fiber that has
// nothing to read suspends itself, and the operation's handler makes it ready again. The main fiber
// runs Asio's loop, and waits in it while no fiber is ready.
#include <boost/asio.hpp>
#include <boost/fiber/all.hpp>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "process.hpp"
#include "server.hpp"

namespace {

namespace asio = boost::asio;
namespace fibers = boost::fibers;
using asio::ip::tcp;

asio::io_context loop(1);

/// An operation that a fiber waits for. The handler runs on the main fiber, so never beside it.
class operation {
 public:
  auto handler() {
    return [this](boost::system::error_code const& error, std::size_t bytes = 0) {
      error_ = error;
      bytes_ = bytes;
      done_ = true;
      if (waiting_ != nullptr) fibers::context::active()->schedule(waiting_);
    };
  }

  std::size_t wait(std::error_code& error) {
    if (!done_) {
      waiting_ = fibers::context::active();
      waiting_->suspend();
    }
    error = error_;
    return bytes_;
  }

  std::size_t wait() {
    std::error_code error;
    std::size_t const bytes = wait(error);
    if (error) throw std::system_error(error);
    return bytes;
  }

 private:
  fibers::context* waiting_ = nullptr;
  boost::system::error_code error_;
  std::size_t bytes_ = 0;
  bool done_ = false;
};

class stream {
 public:
  stream() = default;
  explicit stream(tcp::socket socket) : socket_(std::move(socket)) {}

  void set_no_delay(bool on) {
    boost::system::error_code error;
    socket_->set_option(tcp::no_delay(on), error);
    if (error) throw std::system_error(error);  // The server may have closed it at its end.
  }

  std::size_t read_some(std::span<char> into) {
    operation read;
    socket_->async_read_some(asio::buffer(into.data(), into.size()), read.handler());
    std::error_code error;
    std::size_t const bytes = read.wait(error);
    if (error == std::error_code(boost::system::error_code(asio::error::eof))) return 0;
    if (error) throw std::system_error(error);
    return bytes;
  }

  void write_all(std::string_view bytes) {
    operation write;
    asio::async_write(*socket_, asio::buffer(bytes), write.handler());
    write.wait();
  }

  void close() {
    boost::system::error_code ignored;
    if (socket_) socket_->close(ignored);
  }

 private:
  std::optional<tcp::socket> socket_;
};

class listener {
 public:
  explicit listener(std::uint16_t port)
      : acceptor_(loop, tcp::endpoint(asio::ip::address_v4::loopback(), port)) {}

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  stream accept(std::error_code& error) {
    tcp::socket accepted(loop);
    operation accept;
    acceptor_.async_accept(accepted, accept.handler());
    accept.wait(error);
    return error ? stream() : stream(std::move(accepted));
  }

  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  tcp::acceptor acceptor_;
};

struct pooled_fiber : fibers::fiber {
  template <class F>
  explicit pooled_fiber(F&& f)
      : fiber(fibers::launch::post, std::allocator_arg, stacks(), std::forward<F>(f)) {}

  static fibers::pooled_fixedsize_stack& stacks() {
    static fibers::pooled_fixedsize_stack pool(64 * 1024);
    return pool;
  }
};

struct boost_fibers {
  using thread = pooled_fiber;
  using mutex = fibers::mutex;
  using condition_variable = fibers::condition_variable;
  using listener = ::listener;
  using stream = ::stream;
};

}  // namespace

int main(int argc, char** argv) try {
  server_options const options = parse_options(argc, argv);
  if (options.workers != 1) throw std::invalid_argument("this server has one worker");
  raise_descriptor_limit();
  stop_signals const signals;
  listener accepting(options.port);
  announce(accepting.port());
  http_server<boost_fibers> server(std::move(accepting));
  std::thread stopper([&] {
    signals.wait();
    asio::post(loop, [&] { server.stop(); });
  });
  auto const keep_waiting = asio::make_work_guard(loop);
  bool over = false;
  pooled_fiber running([&] {
    server.run();
    over = true;
  });
  while (!over) {
    if (fibers::has_ready_fibers()) {
      loop.poll();
      boost::this_fiber::yield();
    } else {
      loop.run_one();
    }
  }
  running.join();
  stopper.join();
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
