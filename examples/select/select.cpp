// select waits for the first of several things, does exactly that one, and leaves all others as
// they were: channels in both directions, a timer, the end of a fiber, a descriptor; and how a
// waiting select is called off.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <system_error>

#include <ramie/ramie.hpp>

namespace {

using namespace std::chrono_literals;
using ramie::after;
using ramie::channel;
using ramie::on_event;
using ramie::on_join;
using ramie::on_readable;
using ramie::on_receive;
using ramie::on_send;
using ramie::otherwise;
using ramie::select;
using ramie::when;

constexpr auto nothing = [] {};

void say(std::string const& what) {
  std::printf("%s\n", what.c_str());
}

// Whichever channel has something first; or nothing, for too long.
void receive_or_time_out() {
  channel<std::string> news(0), mail(0);
  auto const read = [](std::optional<std::string> const& what) { say("received " + *what); };
  auto postman = ramie::spawn([&] { mail.send("a letter"); });
  select(on_receive(news, read), on_receive(mail, read), after(1h, nothing));
  select(on_receive(news, read), after(10ms, [] { say("no news for 10 ms"); }));
}

// A value goes to whoever takes it first, and is moved from only then.
void send_to_the_first() {
  channel<std::string> busy(0), idle(1);
  std::string parcel = "a parcel";
  select(on_send(busy, std::move(parcel), [] { say("sent to the busy one"); }),
         on_send(idle, std::move(parcel), [] { say("sent to the idle one"); }));
  std::string second = "another parcel";
  select(on_send(idle, std::move(second), nothing),  // it is full now
         otherwise([&] { say("nobody takes " + second); }));
}

// The end of a fiber, with its result, beside an event.
void join_one() {
  ramie::event alarm;
  auto sum = ramie::spawn([] { return 20 + 22; });
  select(on_event(alarm, nothing),
         on_join(sum, [](int result) { say("the sum is " + std::to_string(result)); }));
}

// Any descriptor, here a pipe's. Reading it is up to the handler.
void read_a_descriptor() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  channel<int> silent(0);
  auto writer = ramie::spawn([&] { return ::write(ends[1], "!", 1); });
  select(on_receive(silent, [](std::optional<int>) {}), on_readable(ends[0], [&] {
           char mark = 0;
           if (::read(ends[0], &mark, 1) == 1) say(std::string("the pipe says ") + mark);
         }));
  writer.join();
  for (int const end : ends) ::close(end);
}

// Cases that make no sense now are switched off; a closed channel is ready forever.
void merge_until_both_are_closed() {
  channel<int> odd(3), even(3);
  for (int i = 1; i <= 6; ++i) (i % 2 == 0 ? even : odd).send(i);
  odd.close();
  even.close();
  bool odd_open = true, even_open = true;
  int sum = 0;
  auto const add_to = [&sum](bool& open) {
    return [&sum, &open](std::optional<int> value) {
      open = value.has_value();
      sum += value.value_or(0);
    };
  };
  while (odd_open || even_open) {
    select(when(odd_open, on_receive(odd, add_to(odd_open))),
           when(even_open, on_receive(even, add_to(even_open))));
  }
  say("both are closed, and gave " + std::to_string(sum));
}

// Cancelling a fiber ends its select by an exception; nothing was taken, nothing is lost.
void call_it_off() {
  channel<std::string> in(0), out(0);
  std::string kept = "still here";
  ramie::event about_to_wait;
  auto waiting = ramie::spawn([&] {
    about_to_wait.set();
    select(on_receive(in, [](auto) {}), on_send(out, std::move(kept), nothing));
  });
  about_to_wait.wait();
  waiting.cancel();
  try {
    waiting.join();
  } catch (ramie::cancelled const&) {
    say("called off; what was to be sent is " + kept);
  }
}

}  // namespace

int main() {
  ramie::run({.workers = 2}, [] {
    receive_or_time_out();
    send_to_the_first();
    join_one();
    read_a_descriptor();
    merge_until_both_are_closed();
    call_it_off();
  });
}
