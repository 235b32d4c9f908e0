// The spelling of the public API: kept as it stands, its layout too.
// clang-format off
#undef NDEBUG                                                     // the asserts are the point
#include <ramie/ramie.hpp>
#include <cstdint>
#include <system_error>
#include <array>
#include <cassert>
#include <mutex>
#include <optional>
#include <span>
#include <string>
using namespace std::chrono_literals;

static void serve_one(ramie::io::tcp_stream stream) {            // owns the connection; closes on return
  std::array<std::byte, 4096> buffer;
  while (std::size_t n = stream.read_some(buffer))                // 0: end of stream
    stream.write_all(std::span<std::byte const>(buffer).first(n));
}

int main() {
  int const answer = ramie::run({.workers = 2, .stack_size = 128 * 1024}, [] {
    // join, results, exceptions
    ramie::join_handle<int> h = ramie::spawn([](int a, int b) { return a + b; }, 20, 22);
    ramie::spawn({.name = "short", .stack_size = 64 * 1024}, [] {}).detach();

    // structured concurrency
    ramie::wait_group pending; ramie::mutex m; int sum = 0;
    pending.add(100);
    { ramie::task_group group;
      for (int i = 0; i < 100; ++i) group.spawn([&, i] { std::lock_guard lock(m); sum += i; pending.done(); });
      pending.wait(); group.wait(); }
    assert(sum == 4950);
    auto [a, b] = ramie::when_all([] { return 1; }, [] { return std::string("two"); });
    int first = ramie::race([] { return 1; }, [] { ramie::this_fiber::sleep_for(1h); return 2; });

    // channels and select
    ramie::channel<int> numbers(0), quit(1);
    auto producer = ramie::spawn([&] { for (int i = 0; i < 3; ++i) numbers.send(i); numbers.close(); });
    int got = 0;
    while (std::optional<int> v = numbers.receive()) got += *v;
    std::size_t which = ramie::select(ramie::on_receive(quit, [](std::optional<int>) {}), ramie::after(1ms, [] {}));
    assert(which == 1);
    ramie::event ready; ready.set(); ready.wait(); assert(ready.wait_for(1ms)); ready.reset();   // manual reset
    ramie::auto_reset_event ping; ping.set(); ping.wait();

    // cancellation and deadlines
    auto sleeper = ramie::spawn([] { ramie::this_fiber::sleep_for(1h); });
    sleeper.cancel();
    try { sleeper.join(); assert(false); } catch (ramie::cancelled const&) {}
    try { ramie::deadline_scope limit(5ms); quit.receive(); assert(false); } catch (ramie::timed_out const&) {}

    // blocking work, fiber-locals, pinning
    static ramie::fiber_local<int> depth;
    *depth = 3;
    int r = ramie::blocking([] { return 4; }) + ramie::spawn_blocking([] { return 5; }).join();
    { auto pin = ramie::this_fiber::pin(); ramie::this_fiber::yield(); }

    // I/O
    auto listener = ramie::io::tcp_listener::bind("127.0.0.1", 0);
    std::uint16_t port = listener.local_address().port();
    auto server = ramie::spawn([&] { serve_one(listener.accept()); });
    auto stream = ramie::io::tcp_stream::connect("127.0.0.1", port);
    stream.write_all("ping");
    std::array<std::byte, 4> reply;
    stream.read_exact(reply);
    stream.shutdown_write();
    server.join(); producer.join();
    std::error_code error;
    ramie::io::tcp_stream::connect("127.0.0.1", 1, error);
    assert(error == std::errc::connection_refused);
    return h.join() + first - 1 + r - 9 + got - 3 + (a - 1) + static_cast<int>(b.size()) - 3;
  });
  // from outside threads
  ramie::runtime rt({.workers = 1});
  ramie::latch posted(1);
  rt.post([&] { posted.count_down(); });
  posted.wait();                                                  // a plain thread blocks
  int const outside = rt.spawn([] { return 1; }).join();
  return rt.shutdown(1s) && answer == 42 && outside == 1 ? 0 : 1;
}
