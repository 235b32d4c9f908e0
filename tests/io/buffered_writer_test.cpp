#include <ramie/io/buffered_writer.hpp>

#include <array>
#include <stdexcept>
#include <string>

#include <ramie/sched/cancelled.hpp>

#include "sockets.hpp"
#include "streams.hpp"

namespace {

using ramie::io::buffered_writer;
using ramie::io::const_buffer;
using ramie::test::collecting_stream;

TEST(BufferedWriter, GathersUntilItIsFullOrFlushed) {
  collecting_stream out;
  buffered_writer writer(out, 8);
  writer.write_all("abc");
  writer.write_all(std::array<const_buffer, 2>{"de", "f"});
  EXPECT_EQ(out.writes, 0);
  EXPECT_EQ(writer.pending(), 6U);
  writer.write_all("ghi");
  EXPECT_EQ(out.text, "abcdefgh");
  EXPECT_EQ(out.writes, 1);
  writer.flush();
  EXPECT_EQ(out.text, "abcdefghi");
  EXPECT_EQ(writer.pending(), 0U);
  writer.flush();
  EXPECT_EQ(out.writes, 2);
  EXPECT_THROW(buffered_writer(out, 0), std::invalid_argument);
}

TEST(BufferedWriter, WhatWouldFillItIsNotCopied) {
  collecting_stream out;
  buffered_writer writer(out, 8);
  writer.write_all("exactly8");
  EXPECT_EQ(out.text, "exactly8");
  writer.write_all("1");
  writer.write_all("behind it");
  EXPECT_EQ(out.text, "exactly81behind ");
  writer.flush();
  EXPECT_EQ(out.text, "exactly81behind it");
}

TEST(BufferedWriter, AnErrorLosesNothingThatWasGathered) {
  collecting_stream out(2);
  out.room = 3;
  buffered_writer writer(out, 8);
  writer.write_all("abcdef");
  std::error_code error;
  writer.flush(error);
  EXPECT_EQ(error, std::errc::no_space_on_device);
  EXPECT_EQ(out.text, "abc");
  EXPECT_EQ(writer.pending(), 3U);
  EXPECT_THROW(writer.flush(), std::system_error);
  out.room = 100;
  writer.write_all("gh");
  EXPECT_EQ(writer.write_all("i", error), 1U);
  writer.flush();
  EXPECT_EQ(out.text, "abcdefghi");
}

TEST(BufferedWriter, APeerThatDoesNotReadMakesTheWriterWait) {
  ramie::test::on_one_worker([] {
    auto pair = ramie::test::connect_pair();
    pair.client.set_send_buffer(4096);
    buffered_writer writer(pair.client, 1000);
    std::size_t gathered = 0;
    auto writing = ramie::spawn([&] {
      for (;;) gathered += writer.write_some("0123456789");
    });
    while (!writing.done()) {
      std::size_t const before = gathered;
      ramie::this_fiber::sleep_for(ramie::test::soon);
      if (gathered == before) writing.cancel();
    }
    EXPECT_THROW(writing.join(), ramie::cancelled);
    auto flushing = ramie::spawn([&] {
      writer.flush();
      pair.client.close();
    });
    std::string got;
    std::string part(1 << 16, '?');
    while (std::size_t const count = pair.server.read_some(part)) got.append(part, 0, count);
    flushing.join();
    ASSERT_EQ(got.size(), gathered);
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], "0123456789"[i % 10]) << i;
  });
}

}  // namespace
