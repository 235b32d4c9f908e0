#include <ramie/io/buffered_reader.hpp>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <ramie/io/error.hpp>
#include <ramie/io/tcp_stream.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

#include "sockets.hpp"
#include "streams.hpp"

namespace {

using ramie::io::buffered_reader;

using ramie::test::scripted_stream;

TEST(BufferedReader, SplitsLinesWhereverTheReadsEnd) {
  scripted_stream stream({"on", "e\r", "\ntwo\n\n", "\r\nfi", "ve\n"});
  buffered_reader reader(stream);
  for (char const* const line : {"one", "two", "", "", "five"}) EXPECT_EQ(reader.read_line(), line);
  EXPECT_EQ(reader.read_line(), std::nullopt);
  EXPECT_EQ(reader.read_line(), std::nullopt);
}

TEST(BufferedReader, FindsADelimiterThatComesByParts) {
  scripted_stream stream({"a-", "--", "b--", "-", "--c"});
  buffered_reader reader(stream);
  EXPECT_EQ(reader.read_until("---"), "a");
  EXPECT_EQ(reader.read_until("---"), "b");
  EXPECT_EQ(reader.buffered(), "");
  std::error_code error;
  EXPECT_EQ(reader.read_until("", error), std::nullopt);
  EXPECT_EQ(error, std::errc::invalid_argument);
}

TEST(BufferedReader, ALineThatTheStreamEndsInIsAnError) {
  scripted_stream stream({"one\ntw"});
  buffered_reader reader(stream);
  EXPECT_EQ(reader.read_line(), "one");
  std::error_code error;
  EXPECT_EQ(reader.read_line(error), std::nullopt);
  EXPECT_EQ(error, ramie::io::errc::end_of_stream);
  EXPECT_EQ(reader.buffered(), "tw");
  EXPECT_EQ(reader.read_count(2, error), "tw");
  EXPECT_FALSE(error);
  EXPECT_EQ(reader.read_line(error), std::nullopt);
  EXPECT_FALSE(error);
}

TEST(BufferedReader, APartMayHaveTheLimitAndNoMore) {
  scripted_stream stream({"1234567\n12345678\n"});
  buffered_reader reader(stream, 8);
  EXPECT_EQ(reader.read_line(), "1234567");
  std::error_code error;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(reader.read_line(error), std::nullopt);
    EXPECT_EQ(error, ramie::io::errc::limit_exceeded);
    EXPECT_EQ(reader.buffered(), "12345678");
  }
  EXPECT_EQ(reader.read_count(9, error), "");
  EXPECT_EQ(error, ramie::io::errc::limit_exceeded);
  EXPECT_EQ(reader.read_count(8), "12345678");
  EXPECT_EQ(reader.read_line(), "");
  EXPECT_LE(stream.most_asked_for, 8U);
  EXPECT_THROW(buffered_reader(stream, 0), std::invalid_argument);
}

TEST(BufferedReader, TheBufferGrowsWithThePartOnly) {
  std::string const line(100'000, 'x');
  scripted_stream stream({"short\n", line + "\n", "short\n"});
  buffered_reader reader(stream, 1 << 20);
  EXPECT_EQ(reader.read_line(), "short");
  EXPECT_LE(stream.most_asked_for, 4096U);
  EXPECT_EQ(reader.read_line(), line);
  EXPECT_EQ(reader.read_line(), "short");
  EXPECT_LE(stream.most_asked_for, 2 * line.size());
}

TEST(BufferedReader, CountsBytes) {
  scripted_stream stream({"ab", "cdef"});
  buffered_reader reader(stream);
  EXPECT_EQ(reader.read_count(0), "");
  EXPECT_EQ(reader.read_count(3), "abc");
  std::error_code error;
  EXPECT_EQ(reader.read_count(4, error), "");
  EXPECT_EQ(error, ramie::io::errc::end_of_stream);
  EXPECT_EQ(reader.buffered(), "def");
  EXPECT_EQ(reader.read_count(3), "def");
  EXPECT_EQ(reader.read_count(1, error), "");
  EXPECT_EQ(error, ramie::io::errc::end_of_stream);
}

TEST(BufferedReader, ReadsWhatIsBufferedFirst) {
  scripted_stream stream({"line\nrest", "more"});
  buffered_reader reader(stream);
  EXPECT_EQ(reader.read_line(), "line");
  std::string into(3, '?');
  EXPECT_EQ(reader.read_some(into), 3U);
  EXPECT_EQ(into, "res");
  EXPECT_EQ(reader.read_some(into), 1U);
  EXPECT_EQ(into, "tes");
  EXPECT_EQ(reader.read_some(into), 3U);
  EXPECT_EQ(into, "mor");
  EXPECT_EQ(reader.read_some(into), 1U);
  EXPECT_EQ(reader.read_some(into), 0U);
}

TEST(BufferedReader, AnErrorConsumesNothing) {
  scripted_stream stream({"on"}, std::make_error_code(std::errc::connection_reset));
  buffered_reader reader(stream);
  std::error_code error;
  EXPECT_EQ(reader.read_line(error), std::nullopt);
  EXPECT_EQ(error, std::errc::connection_reset);
  stream.pieces.push_back("e\n");
  EXPECT_EQ(reader.read_line(), "one");
}

TEST(BufferedReader, MovesWithWhatItHasRead) {
  scripted_stream stream({"one\ntwo\n"});
  buffered_reader first(stream);
  EXPECT_EQ(first.read_line(), "one");
  buffered_reader second(std::move(first));
  EXPECT_EQ(second.read_line(), "two");
  scripted_stream other({"three\n"});
  second = buffered_reader(other);
  EXPECT_EQ(second.read_line(), "three");
}

TEST(BufferedReader, FindsWhatAWholeStringHasAtAnyPieces) {
  std::mt19937 random(std::random_device{}());
  auto const seed = random();
  SCOPED_TRACE(seed);
  random.seed(seed);
  auto const below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> lines(below(20));
    std::string text;
    for (auto& line : lines) {
      for (std::size_t n = below(60); n > 0; --n) line += "ab\r"[below(3)];
      while (line.ends_with('\r')) line.pop_back();
      text += line + (below(2) == 0 ? "\n" : "\r\n");
    }
    scripted_stream stream;
    while (!text.empty()) {
      std::size_t const size = std::min(text.size(), 1 + below(40));
      stream.pieces.push_back(text.substr(0, size));
      text.erase(0, size);
    }
    buffered_reader reader(stream, 62 + below(100));
    for (auto const& line : lines) ASSERT_EQ(reader.read_line(), line);
    ASSERT_EQ(reader.read_line(), std::nullopt);
  }
}

TEST(BufferedReader, ADeadlineLosesNothingOfALine) {
  ramie::test::on_one_worker([] {
    auto pair = ramie::test::connect_pair();
    buffered_reader reader(pair.client);
    pair.server.write_all("half a ");
    {
      ramie::deadline_scope const limit(ramie::test::soon);
      EXPECT_THROW(reader.read_line(), ramie::timed_out);
    }
    auto reading = ramie::spawn([&] { reader.read_line(); });
    ramie::test::settle();
    reading.cancel();
    EXPECT_THROW(reading.join(), ramie::cancelled);
    pair.server.write_all("line\n");
    EXPECT_EQ(reader.read_line(), "half a line");
  });
}

TEST(BufferedReader, NamesOperationAndPeer) {
  ramie::test::on_one_worker([] {
    auto pair = ramie::test::connect_pair();
    buffered_reader reader(pair.client, 4);
    pair.server.write_all("12345");
    try {
      reader.read_line();
      ADD_FAILURE();
    } catch (std::system_error const& error) {
      EXPECT_EQ(error.code(), ramie::io::errc::limit_exceeded);
      EXPECT_NE(std::string(error.what())
                    .find("read a line from " + pair.client.remote_address().to_string()),
                std::string::npos);
    }
  });
}

}  // namespace
