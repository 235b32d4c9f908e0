// A program that owns its main loop, libev's, and has fibers work for it: its timer hands them
// work, and what they have found comes back to the loop through an ev_async.
#include <ramie/ramie.hpp>

#define EV_COMPAT3 0
#include <ev.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

constexpr int questions = 3;

/// Straight blocking code, on a fiber.
std::string ask(std::uint16_t port, int number) {
  auto server = ramie::io::tcp_stream::connect("127.0.0.1", port);
  server.write_all("question " + std::to_string(number));
  server.shutdown_write();
  std::string answer(100, '\0');
  std::size_t size = 0;
  while (std::size_t const count = server.read_some(std::span(answer).subspan(size))) size += count;
  answer.resize(size);
  return answer;
}

void answer_one(ramie::io::tcp_stream client) {
  std::string question(100, '\0');
  std::size_t const count = client.read_some(question);
  client.write_all("answer to " + question.substr(0, count));
}

class program {
 public:
  program() : loop_(ev_loop_new(EVFLAG_AUTO), &ev_loop_destroy), fibers_({.workers = 1}) {
    if (!loop_) throw std::system_error(errno, std::system_category(), "ev_loop_new");
    ev_set_userdata(loop_.get(), this);
    ev_timer_init(&timer_, on_timer, 0.0, 0.001);
    ev_async_init(&answered_, on_answered);
    ev_timer_start(loop_.get(), &timer_);
    ev_async_start(loop_.get(), &answered_);
  }

  void run() {
    fibers_.post([this] {
      for (int i = 0; i < questions; ++i) answer_one(listener_.accept());
    });
    ev_run(loop_.get(), 0);
  }

 private:
  static program& of(struct ev_loop* loop) { return *static_cast<program*>(ev_userdata(loop)); }

  /// On the loop, which must not wait.
  static void on_timer(struct ev_loop* loop, ev_timer* timer, int) {
    program& self = of(loop);
    self.fibers_.post([&self, number = ++self.asked_] { self.answer(ask(self.port_, number)); });
    if (self.asked_ == questions) ev_timer_stop(loop, timer);
  }

  /// On a fiber.
  void answer(std::string text) {
    {
      std::lock_guard const guard(mutex_);
      answers_.push_back(std::move(text));
    }
    ev_async_send(loop_.get(), &answered_);
  }

  /// On the loop again; several answers may have come.
  static void on_answered(struct ev_loop* loop, ev_async*, int) {
    program& self = of(loop);
    std::vector<std::string> answers;
    {
      std::lock_guard const guard(self.mutex_);
      answers.swap(self.answers_);
    }
    for (std::string const& each : answers) std::printf("the loop got an %s\n", each.c_str());
    self.got_ += static_cast<int>(answers.size());
    if (self.got_ == questions) ev_break(loop, EVBREAK_ALL);
  }

  std::unique_ptr<struct ev_loop, decltype(&ev_loop_destroy)> loop_;
  ev_timer timer_;
  ev_async answered_;
  int asked_ = 0;
  int got_ = 0;
  std::mutex mutex_;  // for a moment only: the loop's thread may not wait for a fiber
  std::vector<std::string> answers_;
  ramie::io::tcp_listener listener_ = ramie::io::tcp_listener::bind("127.0.0.1", 0);
  std::uint16_t const port_ = listener_.local_address().port();
  ramie::runtime fibers_;  // Last: its end waits for the fibers, which use the rest.
};

}  // namespace

int main(int, char** argv) try {
  program().run();
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
