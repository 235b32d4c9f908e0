// What all streams have in common.
#include <array>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <ramie/io/error.hpp>
#include <ramie/io/input_stream.hpp>
#include <ramie/io/output_stream.hpp>

#include "sockets.hpp"
#include "streams.hpp"

namespace {

using ramie::io::const_buffer;
using ramie::io::mutable_buffer;
using ramie::test::code_of;
using ramie::test::collecting_stream;
using ramie::test::connect_pair;
using ramie::test::on_fiber_and_thread;
using ramie::test::scripted_stream;

TEST(Stream, AnEmptyBufferIsNeitherReadNorWritten) {
  scripted_stream in({"x"});
  collecting_stream out;
  std::error_code error = std::make_error_code(std::errc::io_error);
  EXPECT_EQ(in.read_some(std::span<char>(), error), 0U);
  EXPECT_FALSE(error);
  EXPECT_EQ(in.read_some(std::span<mutable_buffer const>()), 0U);
  EXPECT_EQ(out.write_some(""), 0U);
  EXPECT_EQ(out.write_all(std::array<const_buffer, 2>{"", ""}), 0U);
  EXPECT_EQ(out.writes, 0);
  EXPECT_EQ(in.pieces.size(), 1U);
}

TEST(Stream, ReadsAndWritesGoOnUntilAllIsDone) {
  scripted_stream in({"ab", "c", "def"});
  std::string into(5, '?');
  EXPECT_EQ(in.read_exact(into), 5U);
  EXPECT_EQ(into, "abcde");
  collecting_stream out(2);
  EXPECT_EQ(out.write_all(std::array<const_buffer, 5>{"", "abc", "", "d", "efghi"}), 9U);
  EXPECT_EQ(out.text, "abcdefghi");
  EXPECT_EQ(out.writes, 2 + 1 + 3);
}

TEST(Stream, AnErrorTellsHowMuchWasDoneAndWhere) {
  scripted_stream in({"ab"}, std::make_error_code(std::errc::connection_reset));
  std::string into(3, '?');
  std::error_code error;
  EXPECT_EQ(in.read_exact(into, error), 2U);
  EXPECT_EQ(error, std::errc::connection_reset);
  in.last.clear();
  EXPECT_EQ(in.read_exact(into, error), 0U);
  EXPECT_EQ(error, ramie::io::errc::end_of_stream);
  collecting_stream out(2);
  out.room = 3;
  EXPECT_EQ(out.write_all(std::array<const_buffer, 2>{"ab", "cd"}, error), 3U);
  EXPECT_EQ(error, std::errc::no_space_on_device);
  try {
    out.write_all("more");
    ADD_FAILURE();
  } catch (std::system_error const& failed) {
    EXPECT_NE(std::string(failed.what()).find("write to a collection"), std::string::npos);
  }
  EXPECT_EQ(code_of([&] { in.read_exact(into); }), ramie::io::errc::end_of_stream);
}

TEST(Stream, OneCallFillsAndSendsSeveralBuffers) {
  on_fiber_and_thread([] {
    auto pair = connect_pair();
    EXPECT_EQ(pair.client.write_some(std::array<const_buffer, 4>{"", "head", "", "body"}), 8U);
    std::string first(3, '?');
    std::string second(20, '?');
    std::array<mutable_buffer, 3> const into{std::span<char>(), first, second};
    EXPECT_EQ(pair.server.read_some(into), 8U);
    EXPECT_EQ(first, "hea");
    EXPECT_EQ(second.substr(0, 5), "dbody");
    pair.client.write_all("next");  // The short read before it has not made the stream forget it.
    EXPECT_EQ(pair.server.read_some(into), 4U);
    pair.client.shutdown_write();
    EXPECT_EQ(pair.server.read_some(into), 0U);
  });
}

TEST(Stream, MoreBuffersThanOneCallTakesAreWrittenAndReadInOrder) {
  on_fiber_and_thread([] {
    auto pair = connect_pair();
    std::string all;
    for (int i = 0; i < 1000; ++i) all += std::to_string(i) + ',';
    std::vector<const_buffer> parts;
    for (char const& each : all) parts.emplace_back(std::span<char const>(&each, 1));
    EXPECT_EQ(pair.client.write_some(parts), 64U);
    EXPECT_EQ(pair.client.write_all(std::span<const_buffer const>(parts).subspan(64)),
              all.size() - 64);
    std::string got(all.size(), '?');
    std::vector<mutable_buffer> rooms;
    for (char& each : got) rooms.emplace_back(std::span<char>(&each, 1));
    std::size_t done = 0;
    while (done < got.size()) {
      std::size_t const count =
          pair.server.read_some(std::span<mutable_buffer const>(rooms).subspan(done));
      EXPECT_LE(count, 64U);
      done += count;
    }
    EXPECT_EQ(got, all);
  });
}

TEST(Stream, AWriterWithSeveralBuffersWaitsForRoom) {
  ramie::test::on_one_worker([] {
    auto pair = connect_pair();
    std::string const large(8 << 20, 'x');
    auto writer = ramie::spawn([&] {
      pair.client.write_all(std::array<const_buffer, 3>{large, "middle", large});
      pair.client.shutdown_write();
    });
    ramie::test::settle();
    EXPECT_FALSE(writer.done());
    std::string got;
    std::string part(1 << 16, '?');
    while (std::size_t const count = pair.server.read_some(part)) got.append(part, 0, count);
    writer.join();
    EXPECT_EQ(got, large + "middle" + large);
  });
}

}  // namespace
