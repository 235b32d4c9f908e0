// A program that owns its main loop, Asio's, with fibers beside it: a fiber parks until Asio's
// callback resumes it, and hands work to the loop.
#include <ramie/ramie.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace {

using namespace std::chrono_literals;

/// On a fiber: begins an operation of Asio's, on its loop, and waits for the end.
bool wait_by_asio(boost::asio::io_context& loop, std::chrono::milliseconds time) {
  boost::system::error_code outcome;
  ramie::event ended;  // May go as soon as the wait has returned.
  boost::asio::post(loop, [&] {
    auto const timer = std::make_shared<boost::asio::steady_timer>(loop, time);
    timer->async_wait([&, timer](boost::system::error_code error) {
      outcome = error;
      ended.set();
    });
  });
  ended.wait();
  return !outcome;
}

}  // namespace

int main(int, char** argv) try {
  boost::asio::io_context loop;
  auto work = boost::asio::make_work_guard(loop);
  ramie::runtime fibers({.workers = 1});
  boost::asio::post(loop, [&] {
    std::puts("the loop hands work to a fiber");
    fibers.post([&] {
      bool const good = wait_by_asio(loop, 1ms);
      boost::asio::post(loop, [&, good] {
        std::puts(good ? "a fiber has waited for the loop" : "the wait has failed");
        work.reset();
      });
    });
  });
  loop.run();
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
