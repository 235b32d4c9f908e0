#include <ramie/io/copy.hpp>

#include <string>

#include <ramie/io/pipe.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "sockets.hpp"
#include "streams.hpp"

namespace {

using ramie::spawn;
using ramie::io::copy;
using ramie::test::collecting_stream;
using ramie::test::connect_pair;
using ramie::test::read_text;
using ramie::test::scripted_stream;

TEST(Copy, CopiesToTheEnd) {
  scripted_stream in({"abc", std::string(200'000, 'x'), "def"});
  collecting_stream out(1000);
  EXPECT_EQ(copy(in, out), 200'006U);
  EXPECT_EQ(out.text, "abc" + std::string(200'000, 'x') + "def");
  EXPECT_EQ(copy(in, out), 0U);
}

TEST(Copy, AnErrorNamesTheStreamThatFailed) {
  auto const what_of = [](auto& in, auto& out) -> std::string {
    try {
      copy(in, out);
    } catch (std::system_error const& error) {
      return error.what();
    }
    return {};
  };
  scripted_stream broken({"abc"}, std::make_error_code(std::errc::io_error));
  collecting_stream all;
  EXPECT_NE(what_of(broken, all).find("read from a script"), std::string::npos);
  scripted_stream in({"abc", "def"});
  collecting_stream full;
  full.room = 4;
  EXPECT_NE(what_of(in, full).find("write to a collection"), std::string::npos);
  scripted_stream again({"abc", "def"});
  full.text.clear();
  std::error_code error;
  EXPECT_EQ(copy(again, full, error), 4U);
  EXPECT_EQ(error, std::errc::no_space_on_device);
}

/// Two connections, and a fiber between them.
struct proxied {
  proxied() : proxy(spawn([this] { return copy_both_ways(near.server, far.client); })) {}

  ramie::test::connection near = connect_pair();
  ramie::test::connection far = connect_pair();
  ramie::join_handle<ramie::io::copied_both_ways> proxy;
};

TEST(CopyBothWays, PassesEachEndOnAndReturnsWhenBothHaveEnded) {
  ramie::test::on_one_worker([] {
    proxied between;
    between.near.client.write_all("question");
    EXPECT_EQ(read_text(between.far.server, 8), "question");
    between.near.client.shutdown_write();
    std::string rest(1, '?');
    EXPECT_EQ(between.far.server.read_some(rest), 0U);
    between.far.server.write_all("answer");
    EXPECT_EQ(read_text(between.near.client, 6), "answer");
    ramie::test::settle();
    EXPECT_FALSE(between.proxy.done());
    between.far.server.close();
    EXPECT_EQ(between.near.client.read_some(rest), 0U);
    auto const copied = between.proxy.join();
    EXPECT_EQ(copied.from_first, 8U);
    EXPECT_EQ(copied.from_second, 6U);
  });
}

TEST(CopyBothWays, AnErrorOfOneDirectionEndsBoth) {
  ramie::test::on_one_worker([] {
    proxied between;
    between.near.client.write_all("x");
    EXPECT_EQ(read_text(between.far.server, 1), "x");
    ramie::test::reset(between.far.server);
    EXPECT_EQ(ramie::test::code_of([&] { between.proxy.join(); }), std::errc::connection_reset);
  });
}

TEST(CopyBothWays, CancellationAndDeadlinesEndIt) {
  ramie::test::on_one_worker([] {
    proxied between;
    ramie::test::settle();
    between.proxy.cancel();
    EXPECT_THROW(between.proxy.join(), ramie::cancelled);
    std::error_code error;
    ramie::deadline_scope const limit(ramie::test::soon);
    copy_both_ways(between.near.server, between.far.client, error);
    EXPECT_EQ(error, std::errc::timed_out);
  });
}

}  // namespace
