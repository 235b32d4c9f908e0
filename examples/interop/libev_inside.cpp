// A user's own libev watchers inside the runtime: their loop runs in a blocking section, so that no
// worker waits for it, and their callbacks tell fibers what has happened.
#include <ramie/ramie.hpp>

#define EV_COMPAT3 0
#include <ev.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <system_error>

namespace {

struct watched {
  ramie::unbounded_channel<std::string> news;
};

void on_timer(struct ev_loop* loop, ev_timer*, int) {
  static_cast<watched*>(ev_userdata(loop))->news.send("the timer");
}

void on_readable(struct ev_loop* loop, ev_io* watcher, int) {
  char letter = 0;
  auto& news = static_cast<watched*>(ev_userdata(loop))->news;
  if (::read(watcher->fd, &letter, 1) == 1) return news.send(std::string("the letter ") + letter);
  news.close();
  ev_break(loop, EVBREAK_ALL);
}

void watch(watched& what, int fd) {
  std::unique_ptr<struct ev_loop, decltype(&ev_loop_destroy)> const loop(ev_loop_new(EVFLAG_AUTO),
                                                                         &ev_loop_destroy);
  if (!loop) throw std::system_error(errno, std::system_category(), "ev_loop_new");
  ev_set_userdata(loop.get(), &what);
  ev_timer timer;
  ev_timer_init(&timer, on_timer, 0.0, 0.0);
  ev_timer_start(loop.get(), &timer);
  ev_io input;
  ev_io_init(&input, on_readable, fd, EV_READ);
  ev_io_start(loop.get(), &input);
  ramie::blocking([&] { ev_run(loop.get(), 0); });
}

}  // namespace

int main(int, char** argv) try {
  ramie::run({.workers = 1}, [] {
    watched what;
    auto tube = ramie::io::pipe::open();
    auto watching = ramie::spawn([&] { watch(what, tube.reader.native_handle()); });
    std::printf("a fiber hears of %s\n", what.news.receive()->c_str());
    for (char const* const letter : {"a", "b"}) {
      tube.writer.write_all(letter);
      std::printf("a fiber hears of %s\n", what.news.receive()->c_str());
    }
    tube.writer.close();
    std::printf("%s\n", what.news.receive() ? "and of more" : "and of no more");
    watching.join();
  });
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
