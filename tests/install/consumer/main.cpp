// Uses every layer, so that a program which links proves the whole package.
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

#include <ramie/io/tls_stream.hpp>
#include <ramie/ramie.hpp>

namespace {

std::string echo_once() {
  auto listener = ramie::io::tcp_listener::bind("127.0.0.1", 0);
  auto server = ramie::spawn([&] {
    auto peer = listener.accept();
    char letters[5];
    peer.read_exact(letters);
    peer.write_all(std::string_view(letters, sizeof letters));
  });
  auto stream = ramie::io::tcp_stream::connect("127.0.0.1", listener.local_address().port());
  stream.write_all("ramie");
  std::string reply(5, ' ');
  stream.read_exact(reply);
  server.join();
  return reply;
}

bool trusts_somebody() {
  return ramie::io::tls_context::client().native_handle() != nullptr;
}

int sum_of_fibers() {
  ramie::mutex mutex;
  ramie::wait_group pending;
  int sum = 0;
  pending.add(10);
  for (int i = 1; i <= 10; ++i) {
    ramie::spawn([&, i] {
      std::lock_guard lock(mutex);
      sum += i;
      pending.done();
    }).detach();
  }
  pending.wait();
  return sum;
}

}  // namespace

int main() {
  bool const good = ramie::run({.workers = 2}, [] {
    return sum_of_fibers() == 55 && echo_once() == "ramie" && trusts_somebody();
  });
  std::puts(good ? "ok" : "wrong result");
  return good ? 0 : 1;
}
